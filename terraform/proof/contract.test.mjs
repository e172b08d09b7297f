// The contract's own fixtures, as names of projects and as refs: what publisher/messages refuses is refused when it is
// planned, and named; what it takes is not. One plan tries them all, since a refusal lists everything that it refuses.
// DOORBELL_TERRAFORM is the program, DOORBELL_MODULE a copy of the root module in which init has been run.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'

const { DOORBELL_TERRAFORM: terraform, DOORBELL_MODULE: folder } = process.env
const fixtures = new URL('../../publisher/messages/fixtures/request/', import.meta.url)
const read = (path) => JSON.parse(readFileSync(new URL(path, fixtures), 'utf8'))

/** Texts that the contract refuses for a field's sake, by its own list of errors. */
function refused(field) {
  const errors = Object.entries(read('errors.json')).filter(([, error]) => error.startsWith(`$.${field}: "`))
  return errors.map(([path]) => read(path)[field])
}

/** Texts that it takes. */
function taken(field) {
  const names = readdirSync(new URL('valid/', fixtures)).filter((name) => name.endsWith('.json'))
  return [...new Set(names.map((name) => read(`valid/${name}`)[field]).filter((value) => value !== undefined))]
}

// In the registry a star at a ref's end stands for more.
const badRefs = [...refused('branch').filter((ref) => ref !== 'a*').map((ref) => `heads/${ref}`), ...refused('tag').map((ref) => `tags/${ref}`)]
const goodRefs = [...taken('branch').map((ref) => `heads/${ref}`), ...taken('tag').map((ref) => `tags/${ref}`)]
const project = (refs) => ({ git_url: 'https://git.example.org/demo.git', command: ['make'], refs })

/** The lists behind "Refused:" in the plan's complaints, by how the complaint begins. */
function plan(projects) {
  const variables = join(folder, 'contract.tfvars.json')
  writeFileSync(variables, JSON.stringify({ account_id: '111122223333', projects }))
  const { stdout } = spawnSync(terraform, [`-chdir=${folder}`, 'plan', '-json', '-input=false', '-var-file=contract.tfvars.json'], {
    encoding: 'utf8', maxBuffer: 1 << 26, env: { ...process.env, AWS_REGION: 'eu-central-1' },
  })
  const complaints = stdout.split('\n').filter((line) => line.includes('"@level":"error"')).map((line) => JSON.parse(line).diagnostic.detail)
  const list = (begin) => {
    const complaint = complaints.find((it) => it.startsWith(begin)) ?? ''
    const [, texts] = complaint.match(/Refused: ([^]*)\.\n/) ?? []
    return texts === undefined ? [] : JSON.parse(`[${texts}]`)
  }
  return { complaints, names: list("A project's name"), refs: list('refs are') }
}

const sorted = (texts) => [...new Set(texts)].sort()

describe('what the contract says of names', () => {
  const override = join(folder ?? '.', 'contract_override.tf')
  before(() => writeFileSync(override, `provider "aws" {
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
}
`))
  after(() => { for (const file of [override, join(folder, 'contract.tfvars.json')]) rmSync(file, { force: true }) })

  it('is said of projects and refs when they are planned', () => {
    const names = Object.fromEntries([...refused('project'), ...taken('project')].map((name) => [name, project(['main'])]))
    const found = plan({ ...names, refs: project([...badRefs, ...goodRefs]) })
    assert.ok(refused('project').length > 15 && badRefs.length > 25, 'the fixtures were not found')
    assert.deepEqual(sorted(found.names), sorted(refused('project')), found.complaints.join('\n'))
    assert.deepEqual(sorted(found.refs), sorted(badRefs), found.complaints.join('\n'))
  })
})
