// Compares the module's validation with the fixtures of publisher/messages: a plan rejects the project names and refs
// that the contract rejects, and no others. One plan tries all of them, because a validation error lists every rejected
// value. DOORBELL_TERRAFORM is the program, DOORBELL_MODULE a copy of the root module after `init`.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'

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
  return { errors, names: rejectedIn("A project's name"), refs: rejectedIn('refs must be') }
}

const sorted = (values) => [...new Set(values)].sort()

describe('the validation of project names and refs', () => {
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
    const found = plan({ ...names, refs: project([...rejectedRefs, ...acceptedRefs]) })
    assert.ok(rejected('project').length > 15 && rejectedRefs.length > 25, 'the fixtures were not found')
    assert.deepEqual(sorted(found.names), sorted(rejected('project')), found.errors.join('\n'))
    assert.deepEqual(sorted(found.refs), sorted(rejectedRefs), found.errors.join('\n'))
  })
})
