//! Paths of nodes, such as `each[3]/ask#2`: a step, an item of it, a step inside, a round of that.

use super::machine::Run;
use super::node::{FrameId, Inside, Layer, NodeId};

impl Run {
    /// The node of a path, if it is there: steps that have not begun are, items and rounds only while they go.
    pub fn find(&self, path: &str) -> Option<NodeId> {
        if let Some(undoing) = self
            .undoing
            .filter(|undoing| *self.nodes[*undoing].path == *path)
        {
            return Some(undoing);
        }
        let mut found = None;
        let mut frames: Vec<FrameId> = self.root_frames();
        for segment in path.split('/') {
            let name_end = segment.find(['[', '#']).unwrap_or(segment.len());
            let (name, layers) = segment.split_at(name_end);
            let mut node = self.in_frames(&frames, name)?;
            for layer in layers
                .split_inclusive([']'])
                .flat_map(|part| part.split('#'))
            {
                node = match layer
                    .strip_prefix('[')
                    .and_then(|rest| rest.strip_suffix(']'))
                {
                    Some(index) => {
                        let inside = self.nodes[node].as_loop()?;
                        *inside.open.get(&index.parse().ok()?)?
                    }
                    None if layer.is_empty() => node,
                    None => match &self.nodes[node].inside {
                        Inside::Rounds(rounds) => rounds.current.filter(|current| {
                            self.nodes[*current].layer
                                == Layer::Round(layer.parse().unwrap_or(u64::MAX))
                        })?,
                        _ => return None,
                    },
                };
            }
            frames = match &self.nodes[node].inside {
                Inside::Group(opened) => {
                    let finally = opened.finally.map(|(frame, _)| frame);
                    [opened.main].into_iter().chain(finally).collect()
                }
                _ => Vec::new(),
            };
            found = Some(node);
        }
        found
    }

    fn in_frames(&self, frames: &[FrameId], name: &str) -> Option<NodeId> {
        let step = self.workflow.step_index(name)?;
        let shape = &self.workflow.steps[step];
        let frame = frames
            .iter()
            .find(|frame| self.frames[**frame].body == shape.body)?;
        self.frames[*frame].nodes.get(shape.place).copied()
    }

    pub(super) fn root_frames(&self) -> Vec<FrameId> {
        let finally = self.root.finally.map(|(frame, _)| frame);
        [self.root.main].into_iter().chain(finally).collect()
    }
}
