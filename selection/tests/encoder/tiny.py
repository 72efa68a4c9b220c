"""What the generators of the golden folders share: texts, tokenizers, random weights, and torch's embeddings."""

import json
import shutil
import tempfile
from pathlib import Path

import torch
from hfselect.model_utils import get_pooled_output
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertModel, DistilBertModel, PreTrainedTokenizerFast, RobertaModel

HERE = Path(__file__).resolve().parent
MAX_LENGTH = 24
TEXTS = [
    "the river is wide and cold",
    "",
    "Why does the old clock stop at noon?",
    "rain",
    "the bridge over the river was built of stone , and the stone came from the hill behind the old mill , "
    "and the mill was burnt down in the year of the great rain , so no one knows who built it",
    "zyxqj wvut 9137 qqq",
    "Ça coûte 3 €, naïve Grüße, 東京 és Ωμέγα",
    "cold water",
    "a <pad> in the [MASK] middle",
    "who built the bridge ? [SEP] the old mill",
    "   spaces\tand\nlines   ",
    "no no no no no no no no no no no no no no no no no no no no no no no no",
]


def randomize(model):
    """Weights large enough that every part of the model shows in the result."""
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            is_norm = "norm" in name.lower() and name.endswith("weight")
            parameter.copy_(1 + 0.2 * noise if is_norm else 0.25 * noise)
    return model.eval()


def wordpiece():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(TEXTS[:5], trainers.WordPieceTrainer(vocab_size=100, special_tokens=special))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    # As all-MiniLM-L6-v2 ships it: settings of its own that an encoder must not obey.
    tokenizer.enable_truncation(max_length=5)
    tokenizer.enable_padding(length=32)
    return tokenizer


ROBERTA_SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def byte_level_bpe():
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=ROBERTA_SPECIAL, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(TEXTS[:5], trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return tokenizer


DEBERTA_SPECIAL = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]


def unigram(special=ROBERTA_SPECIAL, start="<s>", end="</s>", unknown="<unk>"):
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=90, special_tokens=special, unk_token=unknown)
    tokenizer.train_from_iterator(TEXTS[:5], trainer)
    marks = [(start, special.index(start)), (end, special.index(end))]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}", pair=f"{start} $A {end} {end} $B {end}", special_tokens=marks
    )
    return tokenizer


def save_tokenizer(tokenizer, folder, bert):
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] if bert else ["<pad>", "<unk>", "<s>", "</s>", "<mask>"]
    keys = ["pad_token", "unk_token", "cls_token", "sep_token", "mask_token"]
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **dict(zip(keys, names))).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)


def embed(model, tokenizer, pooling):
    """What hfselect's collate_fn and get_pooled_output do, with the tokens beside."""
    batch = tokenizer(TEXTS, padding="max_length", truncation=True, max_length=MAX_LENGTH, return_tensors="pt",
                      return_token_type_ids=False)
    ids, mask = batch["input_ids"], batch["attention_mask"]
    with torch.no_grad():
        if isinstance(model, (BertModel, DistilBertModel, RobertaModel)):
            pooled = get_pooled_output(model, ids, mask)
        else:  # hfselect does not know these classes
            output = model(ids, attention_mask=mask)
            kept = mask.unsqueeze(-1).float()
            pooled = {"cls": lambda: output[0][:, 0], "mean": lambda: (output[0] * kept).sum(1) / kept.sum(1),
                      "pooler": lambda: output[1]}[pooling]()
    tokens = [row[keep.bool()].tolist() for row, keep in zip(ids, mask)]
    return {"pooling": pooling, "ids": tokens, "embeddings": [[round(v, 8) for v in row] for row in pooled.tolist()]}


def finish(folder, expected):
    (folder / "expected.json").write_text(json.dumps(expected))
    for name in ["special_tokens_map.json", "generation_config.json", "README.md"]:
        (folder / name).unlink(missing_ok=True)
    size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
    print(f"{folder.name}: {size} bytes, mean |value| {torch.tensor(expected['embeddings']).abs().mean():.3f}")


def sentence_folder(folder, mode):
    """Makes it one of sentence-transformers, in which nothing but the pooling is to be obeyed."""
    module = "sentence_transformers.models."
    listed = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    (folder / "modules.json").write_text(json.dumps(
        [{"idx": i, "name": str(i), "path": path, "type": module + kind} for i, (path, kind) in enumerate(listed)]))
    (folder / "1_Pooling").mkdir()
    flags = {f"pooling_mode_{name}": name.startswith(mode)
             for name in ["cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens"]}
    if mode == "mean":
        flags["pooling_mode_mean_sqrt_len_tokens"] = False
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 32} | flags))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 32, "do_lower_case": False}))


def sentence_transformer_agrees(folder, expected, **options):
    """What sentence-transformers gives for the folder is this, normalised."""
    with tempfile.TemporaryDirectory() as parent:
        copy = Path(parent) / "model"
        shutil.copytree(folder, copy)
        (copy / "2_Normalize").mkdir()
        theirs = SentenceTransformer(str(copy), device="cpu")
        theirs.max_seq_length = MAX_LENGTH
        unit = torch.nn.functional.normalize(torch.tensor(expected["embeddings"]))
        assert (torch.tensor(theirs.encode(TEXTS, **options)) - unit).abs().max() < 1e-5


def fresh(name):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder
