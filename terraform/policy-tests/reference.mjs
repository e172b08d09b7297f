// The tables of inputs and outputs in terraform/README.md, generated from the module's configuration in a plan.
// `node reference.mjs PLAN.json` prints them; a test compares them with the page.
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

const line = (text) => text.trim().replace(/\s+/g, ' ').replace(/\|/g, '\\|')
const value = (variable) => ('default' in variable ? `\`${JSON.stringify(variable.default)}\`` : variable.sensitive ? '' : '`null`')

export function reference(path) {
  const { module } = JSON.parse(readFileSync(path, 'utf8')).configuration.root_module.module_calls.doorbell
  const rows = (entries, cells) => Object.keys(entries).sort().map((name) => `| ${[`\`${name}\``, ...cells(entries[name])].join(' | ')} |`)
  return [
    '| input | default | meaning |', '|---|---|---|',
    ...rows(module.variables, (variable) => [value(variable), line(variable.description)]),
    '', '| output | meaning |', '|---|---|',
    ...rows(module.outputs, (output) => [line(output.description)]),
  ].join('\n')
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) console.log(reference(process.argv[2]))
