"""A Whisper model of half a megabyte with numbers that nobody trained, in CTranslate2's format: what it hears means
nothing, but everything between a sound and a text is the real thing. Needs the extra ``voice``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

_WIDTH: Final = 16
_HIDDEN: Final = 32
_BANDS: Final = 80
_SPECIAL: Final = (
    *("<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|de|>", "<|translate|>", "<|transcribe|>", "<|startoflm|>"),
    *("<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"),
    *(f"<|{step * 0.02:.2f}|>" for step in range(1501)),
)


def make_model(folder: Path) -> Path:
    """Write it into a new folder."""
    import numpy
    from ctranslate2.specs.whisper_spec import WhisperSpec

    folder.mkdir()
    numbers = numpy.random.default_rng(7)

    def noise(*shape: int) -> Any:
        return (numbers.standard_normal(shape) * 0.1).astype(numpy.float32)

    def zeros(length: int) -> Any:
        return numpy.zeros(length, numpy.float32)

    def linear(layer: Any, out: int, into: int) -> None:
        layer.weight, layer.bias = noise(out, into), zeros(out)

    def norm(layer: Any) -> None:
        layer.gamma, layer.beta = zeros(_WIDTH) + 1, zeros(_WIDTH)

    def attention(layer: Any, *outs: int) -> None:
        norm(layer.layer_norm)
        for part, out in zip(layer.linear, outs, strict=True):
            linear(part, out, _WIDTH)

    def feed(layer: Any) -> None:
        norm(layer.layer_norm)
        linear(layer.linear_0, _HIDDEN, _WIDTH)
        linear(layer.linear_1, _WIDTH, _HIDDEN)

    tokens = _tokenizer(folder)
    spec = WhisperSpec(1, 2, 1, 2)
    encoder, decoder = spec.encoder, spec.decoder
    for convolution, into in ((encoder.conv1, _BANDS), (encoder.conv2, _WIDTH)):
        convolution.weight, convolution.bias = noise(_WIDTH, into, 3), zeros(_WIDTH)
    encoder.position_encodings.encodings, decoder.position_encodings.encodings = noise(1500, _WIDTH), noise(448, _WIDTH)
    decoder.embeddings.weight = decoder.projection.weight = noise(len(tokens), _WIDTH)
    decoder.scale_embeddings = False
    for part in (encoder, decoder):
        norm(part.layer_norm)
        for layer in part.layer:
            attention(layer.self_attention, 3 * _WIDTH, _WIDTH)
            feed(layer.ffn)
    attention(decoder.layer[0].attention, _WIDTH, 2 * _WIDTH, _WIDTH)
    spec.register_vocabulary(tokens)
    spec.config.suppress_ids, spec.config.suppress_ids_begin = [], []
    spec.config.lang_ids = [tokens.index("<|en|>"), tokens.index("<|de|>")]
    spec.config.alignment_heads = [(0, 0)]
    spec.validate()
    spec.optimize(quantization="int8")
    spec.save(str(folder))
    return folder


def _tokenizer(folder: Path) -> list[str]:
    """A token for each byte, and those that Whisper has beside words."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    letters = {letter: number for number, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(vocab=letters, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in _SPECIAL])
    tokenizer.save(str(folder / "tokenizer.json"))
    return [tokenizer.id_to_token(number) for number in range(tokenizer.get_vocab_size())]
