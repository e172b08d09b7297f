import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { moduleReferences, page, reference, tablesIn } from './reference.mjs'

const [PLAN, ...OTHERS] = ['complete', 'organization'].map((name) => join(process.env.DOORBELL_PLANS, `${name}.json`))
const ADVICE = 'node terraform/policy-tests/reference.mjs --write PLANS/complete.json PLANS/organization.json writes the current tables'

it('README.md lists the inputs and outputs of the module', () => assert.equal(tablesIn(page()), reference(PLAN), ADVICE))

it('the README.md of each module lists its inputs and outputs', () => {
  const references = moduleReferences([PLAN, ...OTHERS])
  assert.deepEqual(Object.keys(references).sort(), readdirSync(new URL('../modules', import.meta.url)).sort(), 'a module without a call')
  for (const [name, text] of Object.entries(references)) {
    // A description that is missing would be an empty cell.
    assert.doesNotMatch(text, /\|  \|/, `${name}: an input or output has no description`)
    assert.equal(tablesIn(page(name)), text, `${name}: ${ADVICE}`)
  }
})
