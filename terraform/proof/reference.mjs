// The tables of inputs and outputs in terraform/README.md, from what Terraform itself says of the module in a plan.
// `node reference.mjs PLAN.json` prints them; a test compares.
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

const line = (text) => text.trim().replace(/\s+/g, ' ').replace(/\|/g, '\\|')
const value = (variable) => ('default' in variable ? `\`${JSON.stringify(variable.default)}\`` : variable.sensitive ? '' : '`null`')

export function reference(path) {
  const { module } = JSON.parse(readFileSync(path, 'utf8')).configuration.root_module.module_calls.doorbell
  const rows = (things, cells) => Object.keys(things).sort().map((name) => `| ${[`\`${name}\``, ...cells(things[name])].join(' | ')} |`)
  return [
    '| input | default | meaning |', '|---|---|---|',
    ...rows(module.variables, (it) => [value(it), line(it.description)]),
    '', '| output | meaning |', '|---|---|',
    ...rows(module.outputs, (it) => [line(it.description)]),
  ].join('\n')
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) console.log(reference(process.argv[2]))
