#!/usr/bin/env python3
"""Makes tickets.jsonl and notes/ from the source archive of the Python package vaderSentiment.

    pip download --no-deps --no-binary :all: --dest /tmp vaderSentiment==3.3.2
    python3 examples/data/make.py /tmp/vaderSentiment-3.3.2.tar.gz

The archive holds customer reviews of five products, one sentence a line. Nothing is added or
reworded: sentences of one review are joined with a space, in their order.
"""

import hashlib
import io
import json
import pathlib
import sys
import tarfile

ARCHIVE_SHA256 = "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9"
INNER = "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
REVIEWS = "hutto_ICWSM_2014/amazonReviewSnippets_GroundTruth.txt"

# A ticket is a passage of whole sentences: this long at most, unless its first sentence is longer.
PASSAGE_CHARACTERS_MAX = 550
# Shorter ones say nothing that could be classified ("hmmmmm....").
PASSAGE_CHARACTERS_MIN = 20
# From one review at most this many, so that no long review outweighs the others.
PASSAGES_PER_REVIEW_MAX = 2
# Left out for coarse language.
REVIEWS_LEFT_OUT = {246}

# Whole reviews of middle length, at least one for each product.
NOTES = {
    "camera-canon-disappointing": 115,
    "camera-nikon-cons": 147,
    "dvd-player-no-picture": 1,
    "dvd-player-steady": 11,
    "music-player-software": 223,
    "music-player-warranty": 285,
    "phone-for-travelling": 203,
    "phone-voice-dialing": 212,
}


def read_reviews(archive: pathlib.Path) -> dict[int, list[str]]:
    """Returns the sentences of each review by the review's number."""
    data = archive.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != ARCHIVE_SHA256:
        sys.exit(f"{archive}: SHA-256 is {found}, expected {ARCHIVE_SHA256}")
    with tarfile.open(fileobj=io.BytesIO(data)) as outer:
        with tarfile.open(fileobj=outer.extractfile(INNER)) as inner:
            text = inner.extractfile(REVIEWS).read().decode("ascii")
    reviews: dict[int, list[str]] = {}
    for line in text.splitlines():
        # `<review>_<sentence>`, the mean rating, the sentence.
        identifier, _rating, sentence = line.split("\t")
        reviews.setdefault(int(identifier.split("_")[0]), []).append(sentence.strip())
    return reviews


def passages(sentences: list[str]) -> list[str]:
    """Joins sentences, in order, into passages of at most PASSAGE_CHARACTERS_MAX."""
    result: list[str] = []
    for sentence in sentences:
        joined = f"{result[-1]} {sentence}" if result else sentence
        if result and len(joined) <= PASSAGE_CHARACTERS_MAX:
            result[-1] = joined
        else:
            result.append(sentence)
    return result


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    reviews = read_reviews(pathlib.Path(sys.argv[1]))
    here = pathlib.Path(__file__).parent

    tickets = []
    for review, sentences in reviews.items():
        if review in REVIEWS_LEFT_OUT:
            continue
        for number, text in enumerate(passages(sentences)[:PASSAGES_PER_REVIEW_MAX], start=1):
            if len(text) >= PASSAGE_CHARACTERS_MIN:
                tickets.append({"id": f"review-{review:03}-{number}", "text": text})
    lines = "".join(json.dumps(ticket) + "\n" for ticket in tickets)
    (here / "tickets.jsonl").write_text(lines, encoding="utf-8")

    notes = here / "notes"
    notes.mkdir(exist_ok=True)
    for name, review in NOTES.items():
        text = "\n".join(reviews[review]) + "\n"
        (notes / f"{name}.txt").write_text(text, encoding="utf-8")
    print(f"{len(tickets)} tickets, {len(NOTES)} notes")


if __name__ == "__main__":
    main()
