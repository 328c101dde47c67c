// Compiles src/ into artifacts/NAME.json: {contract, compiler, abi, bytecode, deployedBytecode}.
// The bytes depend on nothing but the sources and package-lock.json. node build.mjs [FOLDER]
import { readdirSync, readFileSync, writeFileSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const solc = createRequire(import.meta.url)("solc");
const out = process.argv[2] ?? join(here, "artifacts");

// What is deployed; the contract whose runtime code it gets, and the interface whose functions its fallback answers, where they
// are other ones.
const contractsToKeep = {
  DodonaFeed: { answers: "IDodonaFeed" },
  DodonaFeedEcdsa: { program: "FeedEcdsaProgram", answers: "IDodonaFeed" },
  DodonaHub: {},
  DodonaAnchor: { answers: "IDodonaAnchor" },
  DodonaAnchorEcdsa: { program: "AnchorEcdsaProgram", answers: "IDodonaAnchor" },
  AggregatorV3Adapter: {},
  Consumer: { into: "testdata" }, // tests only: not embedded
};

const sources = {};
for (const folder of ["src", "testdata"]) {
  for (const file of readdirSync(join(here, folder)).filter((f) => f.endsWith(".sol")).sort()) {
    sources[file] = { content: readFileSync(join(here, folder, file), "utf8") };
  }
}
const result = JSON.parse(solc.compile(JSON.stringify({
  language: "Solidity",
  sources,
  settings: {
    optimizer: { enabled: true, runs: 1_000_000 },
    evmVersion: "cancun",
    viaIR: true,
    metadata: { bytecodeHash: "none", appendCBOR: false },
    outputSelection: { "*": { "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"] } },
  },
})));
const problems = result.errors ?? [];
for (const p of problems) console.error(p.formattedMessage);
if (problems.length > 0) process.exit(1);

const contracts = Object.assign({}, ...Object.values(result.contracts));
mkdirSync(join(out, "testdata"), { recursive: true });
for (const [name, { program = name, answers = name, into = "" }] of Object.entries(contractsToKeep)) {
  const abi = [...contracts[name].abi, ...contracts[answers].abi];
  const seen = new Set();
  const artifact = {
    contract: name,
    compiler: `solc ${solc.version()}`,
    abi: abi.filter((e) => { const key = JSON.stringify(e); return !seen.has(key) && seen.add(key); }),
    bytecode: "0x" + contracts[name].evm.bytecode.object,
    deployedBytecode: "0x" + contracts[program].evm.deployedBytecode.object,
  };
  writeFileSync(join(out, into, `${name}.json`), JSON.stringify(artifact, null, 1) + "\n");
}
