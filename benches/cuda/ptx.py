"""Reads from PTX what the main loop of each kernel loads from and stores to global memory."""
import re

ENTRY = re.compile(r"^(?:\.visible )?\.entry (\w+)\((.*?)\)([^{]*)\{\n(.*?)^\}", re.S | re.M)
ACCESS = re.compile(r"(ld|st|atom|red)\.(?:[\w:]+\.)*?global(?:\.[\w:]+)*?(?:\.v(\d))?\.[a-z]+(\d+)(x2)?\s[^[]*\[([%\w]+)")


def kernels_of(ptx):
    """kernel -> its most threads of a block, if it says so, and the sizes of the accesses of its main loop"""
    tables = set(re.findall(r"^\.(?:visible \.)?global .*?(\w+)(?:\[\d+\])?(?: =.*)?;", ptx, re.M))
    kernels = {}
    for name, _, bounds, body in ENTRY.findall(ptx):
        threads = re.search(r"\.(?:maxntid|reqntid) (\d+)(?:, (\d+))?(?:, (\d+))?", bounds)
        kernels[name] = {
            "max_threads": threads and int(threads[1]) * int(threads[2] or 1) * int(threads[3] or 1),
            "main_loop": main_loop(body, tables),
        }
    return kernels


def main_loop(body, tables):
    """{"loads": [bytes, ...], "stores": [...]} of the loop with the widest accesses, or of what is in no loop if no
    loop has any. An access counts to the innermost loop around it."""
    blocks, successors = flow(body)
    loops = natural_loops(successors)
    of_tables = table_registers(blocks, tables)
    regions = {}
    for number, block in enumerate(blocks):
        around = [header for header, nodes in loops.items() if nodes >> number & 1]
        inner = min(around, key=lambda header: bin(loops[header]).count("1"), default=None)
        region = regions.setdefault(inner, {"loads": [], "stores": []})
        for instruction in block:
            access = ACCESS.search(instruction)
            if access and access[5] not in tables and access[5] not in of_tables:
                size = int(access[2] or 1) * int(access[3]) // 8 * (2 if access[4] else 1)
                region["loads" if access[1] == "ld" else "stores"].append(size)

    def weight(header):
        sizes = regions[header]["loads"] + regions[header]["stores"]
        return bool(sizes) and header is not None, max(sizes, default=0), sum(sizes)

    return regions[max(regions, key=weight)]


def flow(body):
    """The basic blocks of a kernel, lists of instructions, and the numbers of those that may follow each."""
    blocks, labels, pending = [[]], {}, ""
    switch = re.findall(r"\$\w+", " ".join(re.findall(r"\.branchtargets([^;]*);", body)))
    for line in body.splitlines():
        line = re.sub(r"//.*", "", line).strip()
        label = re.match(r"(\$\w+):", line)
        if label:
            if blocks[-1]:
                blocks.append([])
            labels[label[1]] = len(blocks) - 1
            line = line[label.end():].strip()
        if not pending and (not line or line[0] == "." or line in "{}"):
            continue
        pending += " " + line
        if not pending.endswith(";"):
            continue
        blocks[-1].append(pending.strip())
        if re.match(r" (@!?%\w+\s+)?(bra|brx|ret|exit|trap)\b", pending):
            blocks.append([])
        pending = ""
    if not blocks[-1]:
        blocks.append(["ret;"])
    successors = []
    for number, block in enumerate(blocks):
        last = block[-1] if block else ""
        branch = re.match(r"(@!?%\w+\s+)?(bra|brx|ret|exit|trap)\b[^$]*(\$\w+)?", last)
        after = [] if branch and not branch[1] else [number + 1]
        if branch and branch[2] == "bra":
            after.append(labels[branch[3]])
        elif branch and branch[2] == "brx":
            after += [labels[target] for target in switch]
        successors.append([n for n in after if n < len(blocks)])
    return blocks, successors


def natural_loops(successors):
    """The number of the first block of each loop -> its blocks, as a mask. (A loop is what can reach an edge back to a
    block that every way there passes through.)"""
    count = len(successors)
    before = [[] for _ in range(count)]
    for number, after in enumerate(successors):
        for n in after:
            before[n].append(number)
    everything = (1 << count) - 1
    dominators = [1] + [everything] * (count - 1)
    changed = True
    while changed:
        changed = False
        for n in range(1, count):
            common = everything
            for p in before[n]:
                common &= dominators[p]
            common |= 1 << n
            changed |= common != dominators[n]
            dominators[n] = common
    loops = {}
    for tail, after in enumerate(successors):
        for header in after:
            if dominators[tail] >> header & 1 and dominators[tail] != everything:
                nodes, waiting = loops.get(header, 0) | 1 << header, [tail]
                while waiting:
                    n = waiting.pop()
                    if not nodes >> n & 1:
                        nodes |= 1 << n
                        waiting += before[n]
                loops[header] = nodes
    return loops


def table_registers(blocks, tables):
    """The registers that hold addresses in the module's own tables."""
    found, size = set(), -1
    while size != len(found):
        size = len(found)
        for block in blocks:
            for instruction in block:
                parts = re.match(r"(?:@!?%\w+\s+)?(mov|add|cvta|mad|sub|selp)[\w.]*\s+(%\w+),(.*);", instruction)
                if parts and any(word in tables or word in found for word in re.findall(r"[%\w]+", parts[3])):
                    found.add(parts[2])
    return found
