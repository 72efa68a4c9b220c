"""What a pool in an object store costs: requests, bytes, seconds, money. The model of docs/cost.md, as a table.

    python bench/cost/model.py [--entry-bytes 700] [--object-bytes 26842] [--latency 0.03] [--bandwidth 100e6]

Prices are those that Amazon lists for S3 Standard in us-east-1 (https://aws.amazon.com/s3/pricing/); give your own.
"""

import argparse

PAGE = 1000  # names to a page of a list
PACKS = [4096, 512, 64, 8]  # log entries to a pack
PARALLEL = 32  # requests at a time


def pages(names):
    return max(1, -(-names // PAGE))


def packs_made(entries):
    return sum(entries // size for size in PACKS)


def packs_read(entries):
    read = 0
    for size in PACKS:
        read += entries // size
        entries %= size
    return read


def cold(entries):
    """Requests of a first visit besides objects: marker, lists of log and packs, packs, and the entries behind the last pack."""
    return 1 + pages(entries) + pages(packs_made(entries)) + packs_read(entries) + max(1, entries % 8)


WARM = 3  # marker, list from the last known entry on, that entry


def publish(entries, esms):
    """Reads, lists and writes of one `publish` by who has an index: the marker, three times what is new (twice from the last known entry on,
    and once the whole list, before it writes), the store's trial (2 writes, 1 read, 1 deletion), per object a look, a write and a look
    behind it, and the entry."""
    reads = 1 + 3 + 1 + 2 * esms
    return reads, 2 + pages(entries), 2 + esms + 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--entry-bytes", type=float, default=700, help="of the log, per ESM")
    parser.add_argument("--object-bytes", type=float, default=26842, help="of a map, as stored")
    parser.add_argument("--latency", type=float, default=0.03, help="seconds to an answer")
    parser.add_argument("--bandwidth", type=float, default=100e6, help="bytes per second")
    parser.add_argument("--get", type=float, default=0.4, help="dollars per million reads")
    parser.add_argument("--put", type=float, default=5.0, help="dollars per million writes and lists")
    parser.add_argument("--store", type=float, default=0.023, help="dollars per GB and month")
    parser.add_argument("--egress", type=float, default=0.09, help="dollars per GB that leaves the cloud")
    price = parser.parse_args()

    print("a first ranking (cold), a second one (warm), and one publish of one ESM; every ESM in a log entry of its own\n")
    print(f"{'ESMs':>9} {'besides':>8} {'objects':>9} {'GB':>7} {'seconds':>8} {'$ inside':>9} {'$ outside':>9}"
          f" {'warm':>5} {'seconds':>8} {'publish':>8} {'$':>9} {'$/month':>8}")
    for esms in [10**3, 10**4, 10**5, 10**6]:
        lists = pages(esms) + pages(packs_made(esms))
        besides = cold(esms)
        size = esms * (price.object_bytes + price.entry_bytes)
        # Pages of a list follow each other; packs and objects come side by side.
        rounds = 1 + lists + 1 + packs_read(esms) / PARALLEL + esms / PARALLEL
        seconds = rounds * price.latency + size / price.bandwidth
        inside = (lists * price.put + (besides - lists + esms) * price.get) / 1e6
        outside = inside + size / 1e9 * price.egress
        reads, listed, writes = publish(esms, 1)
        dollars = ((writes + listed) * price.put + reads * price.get) / 1e6
        month = size / 1e9 * price.store
        print(f"{esms:>9,} {besides:>8,} {esms:>9,} {size / 1e9:>7.2f} {seconds:>8.0f} {inside:>9.4f} {outside:>9.3f}"
              f" {WARM:>5} {WARM * price.latency:>8.2f} {reads + listed + writes + 1:>8,} {dollars:>9.6f} {month:>8.3f}")


if __name__ == "__main__":
    main()
