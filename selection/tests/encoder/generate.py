"""Writes the golden folders beside this file: tiny models with random weights, and their embeddings by torch.

    pip install hf-dataset-selector sentence-transformers
    python generate.py                          # the tiny models
    python generate.py MODEL_FOLDER TREC_CSV    # also minilm.json: some numbers of the real all-MiniLM-L6-v2

Each folder holds a model as transformers writes it and `expected.json`: the token ids and the pooled embeddings of
`texts.json`, computed by hfselect's own `get_pooled_output` (padded batches) where it knows the family.
"""

import csv
import json
import shutil
import sys
import tempfile
from pathlib import Path

import torch
from hfselect.model_utils import get_pooled_output
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    AutoModel,
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    BertModel,
    DistilBertConfig,
    DistilBertForMaskedLM,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForMaskedLM,
    XLMRobertaConfig,
    XLMRobertaModel,
)

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
            is_norm = "layernorm" in name.lower() or "layer_norm" in name
            parameter.copy_(1 + 0.2 * noise if is_norm and name.endswith("weight") else 0.25 * noise)
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


def unigram():
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=90, special_tokens=ROBERTA_SPECIAL, unk_token="<unk>")
    tokenizer.train_from_iterator(TEXTS[:5], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
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
        if isinstance(model, XLMRobertaModel):  # hfselect does not know this class
            pooled = model(ids, attention_mask=mask)[0][:, 0]
        else:
            pooled = get_pooled_output(model, ids, mask)
    tokens = [row[keep.bool()].tolist() for row, keep in zip(ids, mask)]
    return {"pooling": pooling, "ids": tokens, "embeddings": [[round(v, 8) for v in row] for row in pooled.tolist()]}


def finish(folder, expected):
    (folder / "expected.json").write_text(json.dumps(expected))
    for name in ["special_tokens_map.json", "generation_config.json", "README.md"]:
        (folder / name).unlink(missing_ok=True)
    size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
    print(f"{folder.name}: {size} bytes, mean |value| {torch.tensor(expected['embeddings']).abs().mean():.3f}")


def fresh(name):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def bert():
    tokenizer = wordpiece()
    config = BertConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
                        vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=40)
    model = randomize(BertForMaskedLM(config))
    plain = randomize(BertModel(config))

    # BERT as transformers saves it: pooler output.
    folder = fresh("bert")
    plain.save_pretrained(folder)
    save_tokenizer(tokenizer, folder, bert=True)
    loaded = AutoModel.from_pretrained(folder).eval()
    finish(folder, embed(loaded, AutoTokenizer.from_pretrained(folder), "pooler"))

    # The same weights as a sentence-transformers folder: mean, and the Normalize module is not obeyed.
    mean = fresh("bert-mean")
    shutil.copytree(folder, mean, dirs_exist_ok=True)
    module = "sentence_transformers.models."
    listed = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    (mean / "modules.json").write_text(json.dumps(
        [{"idx": i, "name": str(i), "path": path, "type": module + kind} for i, (path, kind) in enumerate(listed)]))
    (mean / "1_Pooling").mkdir()
    (mean / "1_Pooling" / "config.json").write_text(json.dumps(
        {"word_embedding_dimension": 32, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True,
         "pooling_mode_max_tokens": False, "pooling_mode_mean_sqrt_len_tokens": False}))
    (mean / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 32, "do_lower_case": False}))
    with tempfile.TemporaryDirectory() as parent:
        # hfselect takes the mean where the path says so.
        named = Path(parent) / "sentence-transformers"
        shutil.copytree(mean, named)
        expected = embed(AutoModel.from_pretrained(named).eval(), AutoTokenizer.from_pretrained(named), "mean")
        (named / "2_Normalize").mkdir()
        theirs = SentenceTransformer(str(named), device="cpu")
        theirs.max_seq_length = MAX_LENGTH
        unit = torch.nn.functional.normalize(torch.tensor(expected["embeddings"]))
        assert (torch.tensor(theirs.encode(TEXTS)) - unit).abs().max() < 1e-5
    finish(mean, expected)

    # The same weights rounded to f16; torch computes in f32.
    half = fresh("bert-f16")
    shutil.copytree(folder, half, dirs_exist_ok=True)
    rounded = {k: v.half() if v.is_floating_point() else v for k, v in load_file(folder / "model.safetensors").items()}
    save_file(rounded, half / "model.safetensors", metadata={"format": "pt"})
    loaded = AutoModel.from_pretrained(half, dtype=torch.float32).eval()
    finish(half, embed(loaded, AutoTokenizer.from_pretrained(half), "pooler"))

    # As the first checkpoints look: pickled, prefixed, gamma and beta, a config without model_type, unused heads.
    old = fresh("bert-bin")
    save_tokenizer(tokenizer, old, bert=True)
    keys = ["hidden_size", "hidden_act", "vocab_size", "num_attention_heads", "num_hidden_layers", "intermediate_size",
            "max_position_embeddings", "type_vocab_size"]
    (old / "config.json").write_text(json.dumps({key: getattr(config, key) for key in keys}))
    state = {"bert." + k: v for k, v in plain.state_dict().items()}
    state |= {k: v for k, v in model.state_dict().items() if k.startswith("cls.predictions.transform")}
    state = {k.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): v
             for k, v in state.items()}
    torch.save(state, old / "pytorch_model.bin")
    finish(old, embed(plain, AutoTokenizer.from_pretrained(old), "pooler"))


def distilbert():
    tokenizer = wordpiece()
    config = DistilBertConfig(dim=32, n_layers=2, n_heads=4, hidden_dim=64, vocab_size=tokenizer.get_vocab_size(),
                              max_position_embeddings=40)
    folder = fresh("distilbert")
    randomize(DistilBertForMaskedLM(config)).save_pretrained(folder)
    save_tokenizer(tokenizer, folder, bert=True)
    loaded = AutoModel.from_pretrained(folder).eval()
    finish(folder, embed(loaded, AutoTokenizer.from_pretrained(folder), "cls"))


def roberta():
    tokenizer = byte_level_bpe()
    config = RobertaConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
                           vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=40, type_vocab_size=1,
                           layer_norm_eps=1e-5, pad_token_id=1, bos_token_id=0, eos_token_id=2)
    folder = fresh("roberta")
    randomize(RobertaForMaskedLM(config)).save_pretrained(folder)
    save_tokenizer(tokenizer, folder, bert=False)
    loaded = AutoModel.from_pretrained(folder, add_pooling_layer=False).eval()
    finish(folder, embed(loaded, AutoTokenizer.from_pretrained(folder), "cls"))


def xlm_roberta():
    """In shards, and with the tanh form of gelu."""
    tokenizer = unigram()
    config = XLMRobertaConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
                              vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=40, type_vocab_size=1,
                              layer_norm_eps=1e-5, pad_token_id=1, bos_token_id=0, eos_token_id=2,
                              hidden_act="gelu_new")
    folder = fresh("xlm-roberta")
    randomize(XLMRobertaModel(config, add_pooling_layer=False)).save_pretrained(folder, max_shard_size="40KB")
    save_tokenizer(tokenizer, folder, bert=False)
    loaded = XLMRobertaModel.from_pretrained(folder, add_pooling_layer=False).eval()
    finish(folder, embed(loaded, AutoTokenizer.from_pretrained(folder), "cls"))


def minilm(model_folder, trec):
    """8 rows x 8 columns of the embeddings of the first 32 texts, at most 48 tokens: numbers only, no texts."""
    texts = [row["text"] for row in csv.DictReader(open(trec, newline=""))][:32]
    tokenizer, model = AutoTokenizer.from_pretrained(model_folder), AutoModel.from_pretrained(model_folder).eval()
    batch = tokenizer(texts, padding="max_length", truncation=True, max_length=48, return_tensors="pt",
                      return_token_type_ids=False)
    with torch.no_grad():
        hidden = model(batch["input_ids"], attention_mask=batch["attention_mask"])[0]
    mask = batch["attention_mask"].unsqueeze(-1).float()
    pooled = (hidden * mask).sum(1) / mask.sum(1)
    rows, columns = list(range(0, 32, 4)), list(range(0, 384, 48))
    values = [[round(pooled[i, j].item(), 8) for j in columns] for i in rows]
    (HERE / "minilm.json").write_text(
        json.dumps({"max_length": 48, "texts": 32, "rows": rows, "columns": columns, "values": values}))


if __name__ == "__main__":
    torch.set_num_threads(1)
    (HERE / "texts.json").write_text(json.dumps({"max_length": MAX_LENGTH, "texts": TEXTS}, ensure_ascii=False))
    bert(), distilbert(), roberta(), xlm_roberta()
    if len(sys.argv) == 3:
        minilm(sys.argv[1], sys.argv[2])
    Path("hfselect_logs.log").unlink(missing_ok=True)  # hfselect makes it where it is imported
