// The tables of inputs and outputs in terraform/README.md and in each module's README.md, generated from the configuration in
// a plan. `node reference.mjs --write PLAN.json...` writes them; a test compares them with the pages.
import { readFileSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

const line = (text) => (text ?? '').trim().replace(/\s+/g, ' ').replace(/\|/g, '\\|')
const value = (variable) => ('default' in variable ? `\`${JSON.stringify(variable.default)}\`` : variable.sensitive ? '' : '`null`')
const rows = (entries, cells) => Object.keys(entries ?? {}).sort().map((name) => `| ${[`\`${name}\``, ...cells(entries[name])].join(' | ')} |`)
const calls = (path) => JSON.parse(readFileSync(path, 'utf8')).configuration.root_module.module_calls
const rootModule = (path) => calls(path).doorbell.module
const tables = (module, inputHead, inputCells) => [
  ...inputHead, ...rows(module.variables, inputCells),
  '', '| output | meaning |', '|---|---|', ...rows(module.outputs, (output) => [line(output.description)]),
].join('\n')

export const reference = (path) => tables(
  rootModule(path), ['| input | default | meaning |', '|---|---|---|'], (variable) => [value(variable), line(variable.description)],
)

/** The tables of each module, by its name: those that the root module calls, and those that a configuration calls beside it. */
export const moduleReferences = (paths) => Object.fromEntries(
  paths.flatMap((path) => Object.entries({ ...calls(path), ...rootModule(path).module_calls })).filter(([name]) => name !== 'doorbell').map(
    ([name, { module }]) => [name, tables(module, ['| input | meaning |', '|---|---|'], (variable) => [line(variable.description)])],
  ),
)

const MARKED = /(<!-- reference -->\n)([^]*?)(\n<!-- end of reference -->)/
export const page = (name) => new URL(name ? `../modules/${name}/README.md` : '../README.md', import.meta.url)
export const tablesIn = (url) => readFileSync(url, 'utf8').match(MARKED)?.[2].trim()

function write(paths) {
  const pages = [[page(), reference(paths[0])], ...Object.entries(moduleReferences(paths)).map(([name, text]) => [page(name), text])]
  for (const [url, text] of pages) writeFileSync(url, readFileSync(url, 'utf8').replace(MARKED, (_, begin, __, end) => begin + text + end))
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href && process.argv[2] === '--write') write(process.argv.slice(3))
