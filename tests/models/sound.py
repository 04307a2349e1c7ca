"""Models of sound and speech."""

from __future__ import annotations

import torch
import torch.nn.utils.parametrize

from tests.models.entry import Made, entry, floats, tokens


@entry("Whisper", "openai-whisper")
def whisper() -> Made:
    from whisper.model import ModelDimensions, Whisper

    dimensions = ModelDimensions(
        n_mels=16,
        n_audio_ctx=20,
        n_audio_state=32,
        n_audio_head=2,
        n_audio_layer=2,
        n_vocab=128,
        n_text_ctx=16,
        n_text_state=32,
        n_text_head=2,
        n_text_layer=2,
    )
    model = Whisper(dimensions).eval()
    # Left as they came from memory, for weights to be loaded over them.
    torch.nn.init.normal_(model.decoder.positional_embedding)
    return model, (floats(2, 16, 40), tokens(128, 6))


@entry("wav2vec 2.0", "transformers")
def wav2vec() -> Made:
    from transformers import Wav2Vec2Config, Wav2Vec2Model

    config = Wav2Vec2Config(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        conv_dim=(16, 16),
        conv_stride=(5, 4),
        conv_kernel=(10, 8),
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
    )
    model = Wav2Vec2Model(config).eval()
    # torch pickles no parametrized module; for inference the weight is what counts.
    convolution = model.encoder.pos_conv_embed.conv
    torch.nn.utils.parametrize.remove_parametrizations(convolution, "weight")
    return model, (floats(1, 2000),)


@entry("voice activity, TorchScript with its own weights", "silero-vad")
def silero() -> Made:
    from importlib.resources import as_file, files

    with as_file(files("silero_vad.data") / "silero_vad.jit") as path:
        model = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
    return model.eval(), (floats(1, 512), 16000)


@entry("Demucs", "demucs")
def demucs() -> Made:
    from demucs.demucs import Demucs

    model = Demucs(
        sources=["drums", "rest"], channels=4, depth=2, lstm_layers=1, dconv_mode=0, resample=False
    )
    return model.eval(), (floats(1, 2, 2048),)


@entry("Conformer", "conformer", vendor=("conformer",))
def conformer() -> Made:
    from conformer import Conformer

    model = Conformer(dim=32, depth=2, dim_head=16, heads=2, conv_kernel_size=7)
    return model.eval(), (floats(1, 20, 32),)
