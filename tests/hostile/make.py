"""Writes the hostile files of this folder, each named after what is wrong with it.

    pip install blake3 pyarrow zstandard
    python3 make.py

`tests/hostile.rs` says which command reads each, and what becomes of it. What would be too large to keep is made there.
The files of `found/` are inputs that fuzzing has found, kept as they were.
"""

import io
import json
import pickle
import struct
import zipfile
from pathlib import Path

import blake3
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

HERE = Path(__file__).parent
TINY = HERE.parent.parent / "selection/tests/encoder"


def write(place, content):
    path = HERE / place
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


# Arrays.


def npy(descr, shape, data):
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def zipped(entries, method=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in entries:
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), content, method)
    return file.getvalue()


X = ("x.npy", npy("<f4", "(4, 8)", bytes(128)))
Y = ("y.npy", npy("<i8", "(4,)", struct.pack("<4q", 0, 1, 0, 1)))


class CallsOut:
    def __reduce__(self):
        import os

        return os.system, ("touch hostile-code-was-run",)


def arrays():
    write("targets/truncated.npz", zipped([X, Y])[:200])
    write("targets/zip_bomb.npz", zipped([("x.npy", npy("<f4", "(4, 8)", bytes(4 << 20))), Y], zipfile.ZIP_DEFLATED))
    write("targets/shape_of_268_MB.npz", zipped([("x.npy", npy("<f4", "(8400000, 8)", bytes(128))), Y]))
    write("targets/shape_of_2_to_the_60.npz", zipped([("x.npy", npy("<f4", "(1073741824, 1073741824)", b"")), Y]))
    write("targets/entry_leads_out.npz", zipped([X, Y, ("../../x.npy", b"")]))
    write("targets/entry_is_absolute.npz", zipped([X, Y, ("/tmp/x.npy", b"")]))
    write("targets/entry_is_a_drive.npz", zipped([X, Y, ("C:x.npy", b"")]))
    twice = zipped([X, Y, ("z.npy", Y[1])]).replace(b"z.npy", b"y.npy")
    write("targets/entry_twice.npz", twice)
    objects = pickle.dumps([CallsOut()] * 4)
    write("targets/labels_call_os_system.npz", zipped([X, ("y.npy", npy("|O", "(4,)", objects))]))
    write("targets/header_nested_deep.npz", zipped([("x.npy", npy("<f4", "(" * 3000, b"")), Y]))


def safetensors(header, data=b"", length=None):
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def tensor(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def tensors():
    for folder, first, second in [("targets", "x", "y"), ("weights", "model.weight", "model.bias")]:
        write(f"{folder}/header_of_2_to_the_60_bytes.safetensors", safetensors(b"{}", length=1 << 60))
        write(f"{folder}/header_nested_deep.safetensors", safetensors(b'{"x":' + b"[" * 2000))
        whole, part = tensor("F32", [4, 4], 0, 64), tensor("F32", [4], 48, 64)
        write(f"{folder}/tensors_overlap.safetensors", safetensors({first: whole, second: part}, bytes(64)))
        claims = {first: tensor("F32", [1 << 30, 1 << 30], 0, 1 << 62), second: part}
        write(f"{folder}/shape_of_2_to_the_60.safetensors", safetensors(claims, bytes(64)))
        entry = json.dumps(whole)
        twice = f'{{"{first}":{entry},"{second}":{json.dumps(tensor("F32", [4], 64, 80))},"{first}":{entry}}}'
        if folder == "weights":
            write(f"{folder}/tensor_twice.safetensors", safetensors(twice.encode(), bytes(80)))


# Tables.


def tables():
    write("targets/quote_never_closed.csv", 'text,label\n"a,0\nb,1\n')
    write("targets/not_text.csv", b"text,label\n\xff\xfe\x00,0\nb,1\n")
    write("targets/nested_deep.jsonl", '{"text":"a","label":0,"other":' + "[" * 2000 + "\n")
    write("targets/key_twice.jsonl", '{"text":"a","label":0,"text":"b"}\n')

    def parquet(name, table, **options):
        file = io.BytesIO()
        pq.write_table(table, file, compression="zstd", write_statistics=False, store_schema=False, **options)
        write(f"targets/{name}.parquet", file.getvalue())

    table = lambda texts: pa.table({"text": texts, "label": pa.array([0] * len(texts), pa.int8())})
    parquet("page_of_150_MB", table(["a" * 150_000_000]), use_dictionary=False, compression_level=19)
    parquet("one_text_repeated", table(["a" * 1_000_000] * 2000))
    parquet("four_million_rows", table(["a"] * 4_500_000), data_page_size=1 << 24)
    whole = io.BytesIO()
    pq.write_table(table(["a", "b"]), whole)
    write("targets/truncated.parquet", whole.getvalue()[:-20])
    lies = whole.getvalue()
    write("targets/footer_of_2_GB.parquet", lies[:-8] + struct.pack("<I", 0x7FFFFFFF) + b"PAR1")


# Checkpoints of torch. The opcodes are written out, as the module pickle cannot be made to write what it refuses to read.


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def stored(name, key, shape, stride, storage="FloatStorage", numel=16):
    numbers = lambda values: b"(" + b"".join(b"J" + struct.pack("<i", v) for v in values) + b"t"
    persistent = b"(" + text("storage") + f"ctorch\n{storage}\n".encode() + text(key) + text("cpu")
    persistent += b"J" + struct.pack("<i", numel) + b"tQ"
    arguments = b"(" + persistent + b"K\x00" + numbers(shape) + numbers(stride) + b"\x89ccollections\nOrderedDict\n)R" + b"t"
    return text(name) + b"ctorch._utils\n_rebuild_tensor_v2\n" + arguments + b"R"


def checkpoint(name, program, *entries, folder="pytorch_model"):
    data = [(f"{folder}/data.pkl", b"\x80\x02" + program + b"."), (f"{folder}/data/0", struct.pack("<16f", *[0.25] * 16))]
    content = zipped(data + [(f"{folder}/data/1", struct.pack("<4f", *[0.5] * 4)), *entries], zipfile.ZIP_DEFLATED)
    write(f"pickles/{name}.bin", content)


def pickles():
    weight, bias = stored("model.weight", "0", [4, 4], [4, 1]), stored("model.bias", "1", [4], [1], numel=4)
    state = lambda *tensors: b"}(" + b"".join(tensors) + b"u"
    call = b"cposix\nsystem\n" + text("touch hostile-code-was-run") + b"\x85R"
    checkpoint("value_calls_os_system", state(weight, bias, text("more") + call))
    checkpoint("weight_calls_os_system", state(text("model.weight") + call, bias))
    checkpoint("all_of_it_calls_os_system", call)
    checkpoint("calls_builtins_eval", b"cbuiltins\neval\n" + text("__import__('os').system('touch hostile-code-was-run')") + b"\x85R")
    checkpoint("nested_deep", b")" + b"\x85" * 200_000)
    checkpoint("memo_doubles_60_times", b")q\x00" + b"h\x00h\x00\x86q\x00" * 60)
    checkpoint("string_of_4_GB", b"X\xff\xff\xff\xff")
    checkpoint("tensor_twice", state(weight, bias, weight))
    checkpoint("other_tensor_of_unknown_type", state(weight, bias, stored("mask", "1", [4], [1], "BoolStorage", 4)))
    checkpoint("weight_of_unknown_type", state(stored("model.weight", "0", [4, 4], [4, 1], "BoolStorage"), bias))
    checkpoint("weight_of_2_to_the_60", state(stored("model.weight", "0", [1 << 30, 1 << 30], [1 << 30, 1]), bias))
    checkpoint("weight_that_leads_out", state(stored("model.weight", "../../../etc/passwd", [4, 4], [4, 1]), bias))
    checkpoint("weight_repeats_one_number", state(stored("model.weight", "0", [4, 4], [0, 0]), bias))
    checkpoint("two_pickles", state(weight, bias), ("other/data.pkl", b"}."))
    checkpoint("pickle_of_9_MB", b"N" * (9 << 20))
    checkpoint("class_name_with_escapes", b"ctorch\n\x1b]0;owned\x07\n")


# The peer's config.json.


def configs():
    config = {"base_model_name": "acme/encoder", "esm_architecture": "linear", "esm_embedding_dim": 4, "version": "0.2.1"}
    named = lambda file, name: write(f"configs/{file}.json", json.dumps({**config, "task_id": name}))
    named("name_leads_out", "../../outside")
    named("name_is_absolute", "/etc/outside")
    named("name_is_a_device", "con")
    named("name_is_a_device_with_an_extension", "task/NUL.txt")
    named("name_with_a_backslash", "a\\..\\b")
    named("name_in_composed_form", "caf\u00e9")
    named("name_in_decomposed_form", "cafe\u0301")
    named("name_in_wide_letters", "\uff41\uff42")
    named("name_with_an_override", "mr\u202egpj")
    named("name_with_a_zero", "a\u0000b")
    named("name_of_1000_letters", "a" * 1_000)
    write("configs/nested_deep.json", '{"task_id":"a","esm_x":' + "[" * 2000)
    write("configs/key_twice.json", json.dumps({**config, "task_id": "a"})[:-1] + ',"task_id":"b"}')
    number = json.dumps({**config, "task_id": "a"}).replace('"esm_embedding_dim": 4', '"esm_embedding_dim": 1e400')
    write("configs/number_beyond_all.json", number)


# Frames: bundles, objects and log entries.


def frame(content, canonical, payload, version=1):
    head = b"ESMH" + bytes([version, content, 1, 0]) + struct.pack("<QQ", canonical, payload if isinstance(payload, int) else len(payload))
    head += blake3.blake3(b"").digest()
    return head + blake3.blake3(head).digest()[:8] + (b"" if isinstance(payload, int) else payload)


def frames():
    bomb = zstandard.ZstdCompressor(level=19).compress(bytes(300 << 20))
    window = zstandard.ZstdCompressor(compression_params=zstandard.ZstdCompressionParameters(window_log=27))
    window = window.compressobj().compress(b"") + b"\x28\xb5\x2f\xfd\x00\x88\x01\x00\x00"
    for place, content, limit in [("bundles/record", 3, 10240), ("objects/object", 1, 268468288), ("entries/entry", 2, 16 << 20)]:
        ending = ".esm" if content == 3 else ""
        write(f"{place}_of_300_MB_in_zstd{ending}", frame(content, limit, bomb))
        write(f"{place}_with_a_window_of_128_MB{ending}", frame(content, 100, window))
        write(f"{place}_of_2_to_the_60_bytes{ending}", frame(content, 1 << 60, 1 << 60))
        write(f"{place}_of_a_later_version{ending}", frame(content, 0, b"", version=255))


# tokenizer.json of a model that is sound otherwise.


def tokenizers():
    def changed(name, change, model="bert"):
        tokenizer = json.loads((TINY / model / "tokenizer.json").read_text())
        change(tokenizer)
        write(f"tokenizers/{name}.json", json.dumps(tokenizer, separators=(",", ":")))

    def put(**parts):
        return lambda tokenizer: tokenizer.update(parts)

    replace = lambda pattern, content: {"type": "Replace", "pattern": pattern, "content": content}
    sequence = lambda parts: {"type": "Sequence", "normalizers": parts}
    changed("token_of_3000_letters", lambda t: t["model"]["vocab"].append(["a" * 3_000, -1.0]), "xlm-roberta")
    changed("text_grows_tenfold_40_times", put(normalizer=sequence([replace({"String": "a"}, "a" * 10)] * 40)))
    changed("prepends_5000_letters", put(normalizer={"type": "Prepend", "prepend": "a" * 5000}))
    ids = {"id": "[CLS]", "ids": [2] * 1000, "tokens": ["[CLS]"] * 1000}
    changed("template_of_1000_tokens", lambda t: t["post_processor"]["special_tokens"].update({"[CLS]": ids}))
    text_again = {"Sequence": {"id": "A", "type_id": 0}}
    changed("template_with_the_text_300_times", lambda t: t["post_processor"].update(single=[text_again] * 300))
    changed("character_map_of_4_GB", put(normalizer={"type": "Precompiled", "precompiled_charsmap": "/////w=="}))
    split = {"type": "Split", "pattern": {"Regex": "(a*)*(?=b)"}, "behavior": "Isolated", "invert": False}
    changed("pattern_that_goes_back", put(pre_tokenizer=split))
    changed("word_of_a_million_letters", lambda t: t["model"].update(max_input_chars_per_word=1_000_000))
    changed("part_in_disguise", put(normalizer={**replace({"String": "a"}, "a" * 5000), "type": "BertNormalizer"}))
    write("tokenizers/nested_deep.json", '{"version":"1.0","other":' + "[" * 2000)
    text = (TINY / "bert/tokenizer.json").read_text()
    write("tokenizers/key_twice.json", text.replace('"normalizer"', '"normalizer":null,"normalizer"', 1))
    write("tokenizers/truncated.json", text[:1000])


# Other files of a model's folder.


def models():
    index = lambda name: json.dumps({"weight_map": {"embeddings.word_embeddings.weight": name}})
    write("models/shard_leads_out__model.safetensors.index.json", index("../../model.safetensors"))
    write("models/shard_is_absolute__model.safetensors.index.json", index("/etc/passwd.safetensors"))
    modules = lambda path: json.dumps([{"path": "", "type": "m.Transformer"}, {"path": path, "type": "m.Pooling"}])
    write("models/pooling_leads_out__modules.json", modules("../1_Pooling"))
    write("models/modules_nested_deep__modules.json", "[" * 2000)
    config = json.loads((TINY / "bert/config.json").read_text())
    write("models/vocabulary_of_2_to_the_60__config.json", json.dumps({**config, "vocab_size": 1 << 60}))
    write("models/hidden_size_of_zero__config.json", json.dumps({**config, "hidden_size": 0}))


for make in [arrays, tensors, tables, pickles, configs, frames, tokenizers, models]:
    make()
