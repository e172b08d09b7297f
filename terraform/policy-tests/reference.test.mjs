import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { reference } from './reference.mjs'

it('README.md lists the inputs and outputs of the module', () => {
  const page = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  const [, found] = page.match(/<!-- reference -->\n([^]*?)\n<!-- end of reference -->/)
  assert.equal(found.trim(), reference(join(process.env.DOORBELL_PLANS, 'complete.json')), 'node terraform/policy-tests/reference.mjs PLAN.json prints the current tables')
})
