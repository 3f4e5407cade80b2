"""Checks our proofs with pymerkle, and makes the same proofs with it.

Reads JSON from standard input, writes JSON to standard output.
"""

import json
import sys

from pymerkle import InmemoryTree, InvalidProof, verify_consistency, verify_inclusion


def refused(check, *arguments, **keywords):
    try:
        check(*arguments, **keywords)
    except InvalidProof:
        return True
    return False


def inclusion(tree, case):
    index, size, root = case["index"], case["size"], bytes.fromhex(case["root"])
    # Their indexes count from one.
    proof = tree.prove_inclusion(index + 1, size)
    leaf = tree.get_leaf(index + 1)
    made = [digest.hex() for digest in proof.path[1:]]
    assert tree.get_root(size) == root
    proof.path = [leaf] + [bytes.fromhex(digest) for digest in case["hashes"]]
    verify_inclusion(leaf, root, proof, index=index + 1, size=size, algorithm="sha256")
    assert refused(verify_inclusion, bytes(32), root, proof)
    return made


def consistency(tree, case):
    # Its consistency proofs are not those of RFC 9162: where the older tree ends with a full subtree, they go on below the subtree
    # beside it. So it is our roots that are checked here, with its own proofs.
    old, new = case["old"], case["new"]
    prior, later = bytes.fromhex(case["old_root"]), bytes.fromhex(case["new_root"])
    proof = tree.prove_consistency(old, new)
    verify_consistency(prior, later, proof, prior_size=old, later_size=new, algorithm="sha256")
    assert old == new or refused(verify_consistency, later, later, proof)


request = json.load(sys.stdin)
tree = InmemoryTree(algorithm="sha256")
for entry in request["entries"]:
    tree.append_entry(entry.encode())
for case in request["consistencies"]:
    consistency(tree, case)
json.dump([inclusion(tree, case) for case in request["inclusions"]], sys.stdout)
