/**
 * sqlite: SQLite's own package at work, as any program would use it; what serves its malloc is said by the environment.
 *
 *   node sqlite.mjs SUBJECT TASK        asked as child.ts is: `warm`, `pass`; TASK as JSON: how large the work is
 *
 * A pass is 12,500 inserts of four texts into a table in memory, and 2,500 queries by two of them: four and two blocks a
 * statement, beside those of the pages. The time is that of the statements alone, and what they answer is compared with what
 * they must; loading is not in it. Passes are short: many in turn tell a few hundredths apart where the clock of a machine
 * goes up and down.
 */
import { createInterface } from 'node:readline'
import sqlite3InitModule from '@sqlite.org/sqlite-wasm'

const INSERTS = 12_500
const QUERIES = 2500
const WARM_MS = 1000

const { scale = 1 } = JSON.parse(process.argv[3] ?? '{}')
const inserts = Math.round(INSERTS * scale)
const queries = Math.round(QUERIES * scale)

const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`)

function work(sqlite3) {
  const db = new sqlite3.oo1.DB(':memory:')
  const began = performance.now()
  db.exec('create table item (id integer primary key, name text, place text, note text, mark text)')
  db.exec('begin')
  const insert = db.prepare('insert into item (name, place, note, mark) values (?, ?, ?, ?)')
  for (let n = 0; n < inserts; n++) {
    insert.bind([
      `the item with the number ${n}`,
      `at place ${n % 1000}`,
      `a note of some forty signs, ${n}`,
      `marked ${n}`,
    ])
    insert.stepReset()
  }
  insert.finalize()
  db.exec('commit')
  const query = db.prepare('select length(name) from item where id = ? and name = ? and mark = ?')
  let found = 0
  for (let n = 0; n < queries; n++) {
    query.bind([n + 1, `the item with the number ${n}`, `marked ${n}`])
    if (query.step() && query.get(0) === 25 + `${n}`.length) found++
    query.reset()
  }
  query.finalize()
  const ms = performance.now() - began
  db.close()
  if (found !== queries) throw new Error(`${found} rows found, expected ${queries}`)
  return ms
}

const sqlite3 = await sqlite3InitModule()
const answers = {
  warm() {
    for (let spent = 0; spent < WARM_MS; ) spent += work(sqlite3)
    return {}
  },
  pass: () => ({ ns: work(sqlite3) * 1e6, steps: 1 }),
}
say({ ready: true })
for await (const word of createInterface({ input: process.stdin })) {
  try {
    say(answers[word]())
  } catch (error) {
    say({ failed: -1, why: error instanceof Error ? error.message : String(error) })
  }
}
