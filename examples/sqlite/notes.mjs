/**
 * A notebook in SQLite, in memory: notes with labels and pictures, found again by their words. It is a plain program that
 * knows nothing of vmalloc; SQLite comes as WebAssembly from npm and calls its own malloc.
 *
 *   node examples/sqlite/notes.mjs
 *   npx vmalloc run --method=profile examples/sqlite/notes.mjs       who allocates what
 *   npx vmalloc run --method=best examples/sqlite/notes.mjs          another malloc serves
 *   npx vmalloc run --method=debug examples/sqlite/notes.mjs         mistakes and leaks are reported
 */
import { pathToFileURL } from 'node:url'
import sqlite3InitModule from '@sqlite.org/sqlite-wasm'

const NOTES = 10_000
const SEARCHES = 20
const WORDS = `region block payload cell page index query table row cache memory heap stack thread lock queue tree list map
  string number byte word bit file disk packet socket server client request answer event timer signal name path line`
const words = WORDS.split(/\s+/)

/** Fills a notebook, searches it and closes it; `say` is given a line for each step. */
export async function notes(say) {
  const random = dice(1)
  const sqlite3 = await sqlite3InitModule()
  const db = new sqlite3.oo1.DB(':memory:')
  try {
    db.exec(`
      create table note (id integer primary key, title text, facts text, picture blob);
      create virtual table word using fts5(title, body)`)
    say(`SQLite ${sqlite3.version.libVersion}: a table, and a full-text index`)
    fill(db, random)
    say(`${count(NOTES)} notes written, with facts in JSON and ${size(db, 'picture')} of pictures`)
    db.exec(`create index by_title on note (title); create index by_mark on note (json_extract(facts, '$.mark'))`)
    say('indexed by title and by a mark inside of the JSON')
    const found = search(db, random)
    say(`${count(SEARCHES)} searches by two words found ${count(found)} notes`)
    const [label, often, mark] = db.selectArray(`
      select value, count(*), round(avg(facts ->> '$.mark'), 1)
      from note, json_each(facts, '$.labels') group by value order by 2 desc, 1 limit 1`)
    say(`the commonest label is "${label}": ${count(often)} notes, their mean mark is ${mark}`)
    db.exec(
      `update note set picture = zeroblob(length(picture) / 2) where id % 4 = 0; delete from note where id % 5 = 0`,
    )
    say(`every fifth note deleted, of each fourth half the picture; ${size(db, 'picture')} of pictures left`)
    const file = sqlite3.capi.sqlite3_js_db_export(db)
    say(`saved: ${count(file.length)} bytes; integrity: ${db.selectValue('pragma integrity_check')}`)
  } finally {
    db.close()
  }
  say('closed')
}

function fill(db, random) {
  const note = db.prepare('insert into note (title, facts, picture) values (?, ?, ?)')
  const word = db.prepare('insert into word (rowid, title, body) values (last_insert_rowid(), ?, ?)')
  try {
    db.exec('begin')
    for (let i = 0; i < NOTES; i++) {
      const title = phrase(random, 3)
      const facts = { mark: random(100), labels: [words[random(12)], words[random(12)]] }
      note.bind([title, JSON.stringify(facts), new Uint8Array(random(400)).fill(i)]).stepReset()
      word.bind([title, phrase(random, 5 + random(15))]).stepReset()
    }
    db.exec('commit')
  } finally {
    note.finalize()
    word.finalize()
  }
}

function search(db, random) {
  const query = db.prepare(`
    select note.id, snippet(word, 1, '<', '>', '...', 6) from word join note on note.id = word.rowid
    where word match ? order by rank limit 10`)
  let found = 0
  try {
    for (let i = 0; i < SEARCHES; i++) {
      query.bind(`${words[random(words.length)]} AND ${words[random(words.length)]}`)
      while (query.step()) if (query.getString(1).includes('<')) found++
      query.reset()
    }
  } finally {
    query.finalize()
  }
  return found
}

const phrase = (random, length) => Array.from({ length }, () => words[random(words.length)]).join(' ')

const size = (db, column) => `${count(db.selectValue(`select sum(length(${column})) / 1024 from note`))} KiB`

const count = (n) => n.toLocaleString('en-US')

/** Whole numbers below what is asked for, the same in every run. */
function dice(seed) {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return (state >>> 8) % below
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await notes(console.log)
