// The names of variables and the reserved names, read from the sources of publisher/messages: the contract of worker,
// runner and Terraform.
import { readFileSync } from 'node:fs'

const source = (name) => readFileSync(new URL(`../../publisher/messages/src/${name}.rs`, import.meta.url), 'utf8')
const constants = (name) => Object.fromEntries([...source(name).matchAll(/pub const (\w+): &str = "(DOORBELL_\w+)";/g)].map(([, constant, variable]) => [constant, variable]))
const build = constants('build_environment')

/** The variables that the worker passes to builds that are not pinned. */
export const BUILD_VARIABLES = Object.values(build).sort()
/** What differs between jobs: all that a pinned build project is sent. */
export const JOB_VARIABLES = source('build_environment').match(/pub const JOB_VARIABLES: [^=]*= \[([^\]]*)\]/)[1].split(', ').map((constant) => build[constant]).sort()
/** The variables whose values name secrets and documents. */
export const SECRET_VARIABLES = ['DOORBELL_DEFAULT_DOCUMENT', 'DOORBELL_GIT_CREDENTIALS', 'DOORBELL_PROJECT_DOCUMENT']
/** What the owner fixed in a pinned build project: the worker may send none of these. */
export const PINNED_VARIABLES = [...Object.values(constants('pinned_environment')), ...BUILD_VARIABLES].filter((name) => !JOB_VARIABLES.includes(name)).sort()
/** Those that a pinned build project has only if its project asks for them. */
export const OPTIONAL_PINNED_VARIABLES = ['DOORBELL_CHECKOUT', 'DOORBELL_GIT_CREDENTIALS']
/** Those that it never has: `DOORBELL_PROGRAM` takes the place of the first, and documents are iwomp's. */
const UNPINNED_VARIABLES = ['DOORBELL_ARGV', 'DOORBELL_DEFAULT_DOCUMENT', 'DOORBELL_PROJECT_DOCUMENT']
/** Those that each pinned build project has. */
export const SET_PINNED_VARIABLES = PINNED_VARIABLES.filter((name) => ![...OPTIONAL_PINNED_VARIABLES, ...UNPINNED_VARIABLES].includes(name))

const texts = (list) => [...list.matchAll(/"([^"]+)"/g)].map(([, text]) => text)
const reserved = source('reserved_variable').match(/RESERVED_VARIABLES: [^]*?\n\];/)[0]
/** What no request may set, in capital letters. */
export const RESERVED = {
  prefixes: [...reserved.matchAll(/prefixes: &\[([^\]]*)\]/g)].flatMap(([, list]) => texts(list)).sort(),
  names: [...reserved.matchAll(/names: &\[([^\]]*)\]/g)].flatMap(([, list]) => texts(list)).sort(),
  suffixes: texts(source('reserved_variable').match(/RESERVED_SUFFIX: &str = "[^"]*"/)[0]),
}
