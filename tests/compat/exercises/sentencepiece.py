"""Trains a unigram model and encodes with it."""

import io

import sentencepiece

MADE_WITH = "pybind11"
DISTRIBUTION = "sentencepiece"


def exercise() -> object:
    lines = [f"a thousand heads hold the world, number {k} of them" for k in range(200)]
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_writer=model,
        vocab_size=60,
        hard_vocab_limit=False,
        num_threads=1,
        minloglevel=2,
    )
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    ids = processor.encode(lines[:5])
    return ids, processor.decode(ids), processor.encode("hold heads", out_type=str)
