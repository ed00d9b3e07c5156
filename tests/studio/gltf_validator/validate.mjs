// Runs the Khronos glTF validator over the GLB files named on the command line and prints one JSON object:
// file name -> {errors, warnings, infos, hints, messages}.
import { readFile } from "node:fs/promises";
import validator from "gltf-validator";

const reports = {};
for (const path of process.argv.slice(2)) {
  const bytes = new Uint8Array(await readFile(path));
  const { issues } = await validator.validateBytes(bytes, { uri: path, maxIssues: 100 });
  reports[path] = {
    errors: issues.numErrors,
    warnings: issues.numWarnings,
    infos: issues.numInfos,
    hints: issues.numHints,
    messages: issues.messages.map(({ code, message, pointer }) => `${code} ${pointer}: ${message}`),
  };
}
process.stdout.write(JSON.stringify(reports));
