// Compares the module's validation with the contract: a plan rejects the project names and refs that the fixtures of
// publisher/messages reject, the variables that its list reserves, the patterns that the registry's fixtures reject, and no
// others. One plan tries all of them, because a validation error lists every rejected value. DOORBELL_TERRAFORM is the program, DOORBELL_MODULE a copy of the root module after `init`.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { RESERVED } from './contract.mjs'

const { DOORBELL_TERRAFORM: terraform, DOORBELL_MODULE: module } = process.env
// Without this check the override would be written into the current directory.
assert.ok(terraform && module, 'set DOORBELL_TERRAFORM and DOORBELL_MODULE, or run bin/test --only terraform')
const fixtures = new URL('../../publisher/messages/fixtures/request/', import.meta.url)
const read = (path) => JSON.parse(readFileSync(new URL(path, fixtures), 'utf8'))

/** Strings that the contract rejects in this field. An error for such a value quotes it; an error for its type does not. */
function rejected(field) {
  const quoted = [`$.${field}: "`, `$.${field}: invalid value "`]
  const errors = Object.entries(read('errors.json')).filter(([, error]) => quoted.some((start) => error.startsWith(start)))
  return errors.map(([path]) => read(path)[field])
}

/** Strings that the contract accepts in this field. */
function accepted(field) {
  const names = readdirSync(new URL('valid/', fixtures)).filter((name) => name.endsWith('.json'))
  return [...new Set(names.map((name) => read(`valid/${name}`)[field]).filter((value) => value !== undefined))]
}

// In the registry a `*` at the end of a ref is a wildcard.
const rejectedBranches = rejected('branch').filter((ref) => ref !== 'a*').map((ref) => `heads/${ref}`)
const rejectedRefs = [...rejectedBranches, ...rejected('tag').map((ref) => `tags/${ref}`)]
const acceptedRefs = [...accepted('branch').map((ref) => `heads/${ref}`), ...accepted('tag').map((ref) => `tags/${ref}`)]

// A reserved prefix reserves itself and what it begins; a reserved suffix what it ends. Case does not matter.
const reservedNames = [
  ...RESERVED.names, ...RESERVED.names.map((name) => name.toLowerCase()),
  ...RESERVED.prefixes.flatMap((prefix) => [prefix, `${prefix}X`, `${prefix}x`.toLowerCase()]),
  ...RESERVED.suffixes.flatMap((suffix) => [`X${suffix}`, `x${suffix}`.toLowerCase()]),
]
// One character more, or less, than a reserved name; and, of the registry's own tests, names that projects use.
const source = readFileSync(new URL('../../publisher/messages/src/reserved_variable.rs', import.meta.url), 'utf8')
const free = [...source.matchAll(/check\(&\[([^\]]*)\], false\)/g)].flatMap(([, list]) => [...list.matchAll(/"([^"]+)"/g)].map(([, name]) => name))
const isReserved = (name) => reservedNames.includes(name) || RESERVED.prefixes.some((prefix) => name.startsWith(prefix)) || RESERVED.suffixes.some((suffix) => name.endsWith(suffix))
const neighbours = [
  ...RESERVED.names.flatMap((name) => [`${name}X`, `X${name}`, name.slice(0, -1)]),
  ...RESERVED.prefixes.flatMap((prefix) => [`X${prefix}`, prefix.slice(0, -1)]),
  ...RESERVED.suffixes.flatMap((suffix) => [`X${suffix}X`, suffix.slice(1)]),
].filter((name) => name !== '' && !isReserved(name))

// The registry's fixtures of patterns, and those that its own tests name.
const registry = new URL('../../worker/registry/', import.meta.url)
const patterns = (directory) => readdirSync(new URL(`fixtures/project/${directory}/`, registry)).filter((name) => name.startsWith('variables-pattern') || name === 'full.json')
  .map((name) => JSON.parse(readFileSync(new URL(`fixtures/project/${directory}/${name}`, registry), 'utf8')))
  .flatMap(({ variables }) => (Array.isArray(variables) ? variables : [])).map((rule) => rule?.pattern).filter((pattern) => typeof pattern === 'string')
const inTests = readFileSync(new URL('src/value_pattern.rs', registry), 'utf8').match(/for text in (\["a\)[^\n]*\]) \{/)[1].replaceAll('r"', '"').replaceAll(String.raw`)\1`, String.raw`)\\1`)
const rejectedPatterns = [...patterns('invalid'), ...JSON.parse(inTests), '', 'x'.repeat(257), String.raw`\pL`, String.raw`\PL`, String.raw`\Qa\E`, String.raw`\C`]
const acceptedPatterns = [...patterns('valid'), 'staging|production', '^v[0-9]$', '(?m)^a$', String.raw`v?\d+(\.\d+){0,2}`, 'x'.repeat(256), '[[:alpha:]]+']
const project = (refs) => ({ git_url: 'https://git.example.org/demo.git', command: ['make'], refs })

/** Plans these projects; answers the validation errors and the values that they list as rejected. */
function plan(projects) {
  const variables = join(module, 'contract.tfvars.json')
  writeFileSync(variables, JSON.stringify({ account_id: '111122223333', projects }))
  const { stdout } = spawnSync(terraform, [`-chdir=${module}`, 'plan', '-json', '-input=false', '-var-file=contract.tfvars.json'], {
    encoding: 'utf8', maxBuffer: 1 << 26, env: { ...process.env, AWS_REGION: 'eu-central-1' },
  })
  const errors = stdout.split('\n').filter((line) => line.includes('"@level":"error"')).map((line) => JSON.parse(line).diagnostic.detail)
  const rejectedIn = (start) => {
    const error = errors.find((text) => text.startsWith(start)) ?? ''
    const [, values] = error.match(/Rejected: ([^]*)\.\n/) ?? []
    return values === undefined ? [] : JSON.parse(`[${values}]`)
  }
  return {
    errors, names: rejectedIn("A project's name"), refs: rejectedIn('refs must be'),
    variables: rejectedIn('variables must be'), patterns: rejectedIn('pattern of variable_rules'),
  }
}

const sorted = (values) => [...new Set(values)].sort()

describe('the validation of project names, refs, variables and patterns', () => {
  const override = join(module, 'contract_override.tf')
  before(() => writeFileSync(override, `provider "aws" {
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
}
`))
  after(() => { for (const file of [override, join(module, 'contract.tfvars.json')]) rmSync(file, { force: true }) })

  it('rejects what the contract rejects, and nothing else', () => {
    const names = Object.fromEntries([...rejected('project'), ...accepted('project')].map((name) => [name, project(['main'])]))
    const variables = [...new Set([...reservedNames, ...free, ...neighbours, 'A-B', '1A', 'Ä'])]
    const tried = [...new Set([...rejectedPatterns, ...acceptedPatterns])]
    const ruled = {
      ...project(['main']), variables: tried.map((_, index) => `V${index}`),
      variable_rules: Object.fromEntries(tried.map((pattern, index) => [`V${index}`, { pattern }])),
    }
    const found = plan({ ...names, refs: project([...rejectedRefs, ...acceptedRefs]), variables: { ...project(['main']), variables }, patterns: ruled })
    assert.ok(rejected('project').length > 15 && rejectedRefs.length > 25, 'the fixtures were not found')
    assert.deepEqual(sorted(found.names), sorted(rejected('project')), found.errors.join('\n'))
    assert.deepEqual(sorted(found.refs), sorted(rejectedRefs), found.errors.join('\n'))
    assert.ok(reservedNames.length > 300 && free.length > 15 && neighbours.length > 200 && patterns('invalid').length >= 2, 'the lists were not found')
    assert.deepEqual(sorted(found.variables), sorted([...reservedNames, 'A-B', '1A', 'Ä']), found.errors.join('\n'))
    assert.deepEqual(sorted(found.patterns), sorted(rejectedPatterns), found.errors.join('\n'))
  })

  it('rejects a document of more than 4,096 bytes, in bytes and not in characters, and says what to shorten', () => {
    for (const argument of ['x'.repeat(5000), '€'.repeat(1400)]) {
      const { errors } = plan({ long: { ...project(['heads/main']), command: ['make', argument] } })
      const found = errors.map((text) => text.match(/^The registry's document of project "long" has (\d+) bytes; SSM's limit is 4096\. Shorten its longest lists/))
      assert.equal(found.length, 1, errors.join('\n'))
      assert.ok(Number(found[0]?.[1]) > Buffer.byteLength(argument), errors.join('\n'))
    }
  })
})
