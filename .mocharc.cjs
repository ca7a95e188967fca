const { join } = require('node:path')
const { pathToFileURL } = require('node:url')

// Mocha requires a file before it imports it, and when neither works blames the types in it. Import says what is wrong.
// (The process that runs the tests is a child without this configuration; `require` below brings it here again.)
require('mocha/lib/nodejs/esm-utils.cjs').requireOrImport = (file) => import(pathToFileURL(file))

// Every test there is, unless files are named: `npx mocha test/floors.test.ts` runs that one alone.
const named = process.argv.slice(2).some((argument) => argument.endsWith('.ts'))

module.exports = {
  spec: named ? [] : ['test/**/*.test.ts'],
  extension: ['ts'],
  'node-option': [`import=${pathToFileURL(join(__dirname, 'scripts/ts.mjs'))}`],
  require: [__filename],
  timeout: 60_000,
  parallel: false,
  'fail-zero': true,
  'forbid-only': Boolean(process.env.CI),
}
