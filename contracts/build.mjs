// Compiles src/ into artifacts/NAME.json: {contract, compiler, abi, bytecode, deployedBytecode}.
// The bytes depend on nothing but the sources and package-lock.json. node build.mjs [FOLDER]
import { readdirSync, readFileSync, writeFileSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const solc = createRequire(import.meta.url)("solc");
const out = process.argv[2] ?? join(here, "artifacts");

// What is deployed, and for it the contract whose runtime code it gets, where that is another one.
const programs = {
  DodonaFeed: "DodonaFeed",
  DodonaFeedEcdsa: "FeedEcdsaProgram",
};

const sources = {};
for (const folder of ["src"]) {
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
    viaIR: process.env.IR === "1",
    metadata: { bytecodeHash: "none", appendCBOR: false },
    outputSelection: { "*": { "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"] } },
  },
})));
const problems = result.errors ?? [];
for (const p of problems) console.error(p.formattedMessage);
if (problems.length > 0) process.exit(1);

const contracts = Object.assign({}, ...Object.values(result.contracts));
mkdirSync(out, { recursive: true });
for (const [name, program] of Object.entries(programs)) {
  const artifact = {
    contract: name,
    compiler: `solc ${solc.version()}`,
    abi: contracts[name].abi,
    bytecode: "0x" + contracts[name].evm.bytecode.object,
    deployedBytecode: "0x" + contracts[program].evm.deployedBytecode.object,
  };
  writeFileSync(join(out, `${name}.json`), JSON.stringify(artifact, null, 1) + "\n");
}
