// The audience that each snippet and trigger_job request is the one that Terraform's roles accept. STS otherwise answers
// "Incorrect token audience".
import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { describe, it } from 'node:test'
import { join } from 'node:path'
import { readPlan, statements } from './plan.mjs'

const read = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const tokens = JSON.parse(read('terraform/modules/publishers/tokens.json'))

/** The audiences that a text asks for, in the forms of GitLab's YAML, Buildkite's agent and Rust's constant. */
function audiences(text) {
  return [...text.matchAll(/\baud: ["']?([^\s"',}]+)|--audience[ =]([^\s")`;]+)|AUDIENCE: &str = "([^"]+)"/g)].map((found) => found.slice(1).find(Boolean))
}

/** The text whose default CI it is: a file, and what stands there for the CI. */
const SOURCES = [
  ['gitlab', 'docs/ci/gitlab.yml', 1],
  ['buildkite', 'docs/ci/buildkite.yml', 1],
  ['gitlab', 'publisher/trigger_job/src/id_token.rs', 1],
  ['buildkite', 'publisher/trigger_job/README.md', 1],
  // GitHub's snippet names none: trigger_job requests the token.
  ['github', 'publisher/client/src/id_token.rs', 1],
]

describe('the audience of tokens', () => {
  for (const [ci, path, count] of SOURCES) {
    it(`of ${ci} in ${path} is Terraform's default`, () => {
      assert.deepEqual(audiences(read(path)), Array(count).fill(tokens[ci].audience))
    })
  }

  it('is compared in every snippet that names one', () => {
    const compared = new Set(SOURCES.map(([, path]) => path))
    const named = readdirSync(new URL('../../docs/ci/', import.meta.url)).map((name) => `docs/ci/${name}`)
    assert.deepEqual(named.filter((path) => audiences(read(path)).length > 0 && !compared.has(path)), [])
  })

  it('is in the trust policy of each default', () => {
    const { policies, ofType } = readPlan(join(process.env.DOORBELL_PLANS, 'complete.json'))
    for (const [ci, { issuer, audience }] of Object.entries(tokens)) {
      const { document } = policies.find(({ kind, target }) => kind === 'trust' && target.endsWith(`publisher-${ci}`))
      assert.equal(statements(document)[0].Condition.StringEquals[`${issuer}:aud`], audience, ci)
      const [provider] = ofType('aws_iam_openid_connect_provider').filter(({ values }) => values.url === `https://${issuer}`)
      assert.deepEqual(provider.values.client_id_list, [audience], ci)
    }
  })
})
