// Reads trees as JSON lines, {"leaves": [[kind, feed, round, value, observed], ...], "root", "paths": [[...], ...]}, builds each
// with OpenZeppelin, and prints what is different as JSON lines, then {"trees", "paths"}: how much was compared.
import { createInterface } from 'node:readline';
import { StandardMerkleTree } from '@openzeppelin/merkle-tree';

const types = ['uint8', 'bytes32', 'uint64', 'int192', 'bytes32'];
let trees = 0, paths = 0;
const differs = (what) => console.log(JSON.stringify({ tree: trees, ...what }));

for await (const line of createInterface({ input: process.stdin })) {
  const ours = JSON.parse(line);
  const tree = StandardMerkleTree.of(ours.leaves, types);
  if (tree.root !== ours.root) differs({ want: tree.root, got: ours.root });
  for (const [at, leaf] of ours.leaves.entries()) {
    const want = tree.getProof(at);
    if (JSON.stringify(want) !== JSON.stringify(ours.paths[at])) differs({ at, want, got: ours.paths[at] });
    if (!StandardMerkleTree.verify(tree.root, types, leaf, ours.paths[at])) differs({ at, refused: ours.paths[at] });
    paths++;
  }
  trees++;
}
console.log(JSON.stringify({ trees, paths }));
