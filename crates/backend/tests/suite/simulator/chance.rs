//! Chance that belongs to a name: what is drawn for one thing does not shift when another is left out.

use crate::shapes::Dice;

/// Draws by seed and name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chance(pub(super) u64);

impl Chance {
    /// The dice of a name.
    pub(super) fn of(self, name: &str) -> Dice {
        let mut hash = 0xCBF2_9CE4_8422_2325_u64 ^ self.0;
        for byte in name.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        }
        let mut dice = Dice::new(hash);
        dice.roll(2);
        dice
    }

    /// Whether something of this name happens that does so once in so many times.
    pub(super) fn one_in(self, sides: u64, name: &str) -> bool {
        self.of(name).roll(sides) == 0
    }
}
