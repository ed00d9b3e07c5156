// Runs the Khronos glTF validator over the glTF and GLB files named on the command line and prints one JSON object:
// file name -> {errors, warnings, infos, hints, messages}. Files that a glTF refers to are read from beside it.
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import validator from "gltf-validator";

const reports = {};
for (const path of process.argv.slice(2)) {
  const bytes = new Uint8Array(await readFile(path));
  const externalResourceFunction = async (uri) =>
    new Uint8Array(await readFile(join(dirname(path), decodeURIComponent(uri))));
  const { issues } = await validator.validateBytes(bytes, { uri: path, maxIssues: 100, externalResourceFunction });
  reports[path] = {
    errors: issues.numErrors,
    warnings: issues.numWarnings,
    infos: issues.numInfos,
    hints: issues.numHints,
    messages: issues.messages.map(({ code, message, pointer }) => `${code} ${pointer}: ${message}`),
  };
}
process.stdout.write(JSON.stringify(reports));
