/**
 * @sqlite.org/sqlite-wasm: tables, two indexes, blobs and queries in an in-memory database, then the same again.
 *
 * Hard for an interposer: the memory is imported, the table has no maximum, the module has a start function; memalign
 * stands beside malloc as emscripten_builtin_memalign; sqlite reallocs its statements and gives its page cache back at
 * the close, so every block crosses free or realloc; the glue itself allocates strings and blobs (alloc, dealloc).
 */
import sqlite3InitModule from '@sqlite.org/sqlite-wasm'

const factor = Number(process.argv[2] ?? 1)
let seed = 1
const random = (below) => (((seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) >>> 8) % below) | 0

const sqlite3 = await sqlite3InitModule()
console.log('sqlite', sqlite3.version.libVersion)

for (let round = 0; round < 2; round++) {
  const db = new sqlite3.oo1.DB(':memory:')
  db.exec('create table item (id integer primary key, name text, weight real, data blob)')

  const insert = db.prepare('insert into item (name, weight, data) values (?, ?, ?)')
  db.exec('begin')
  for (let i = 0; i < 5000 * factor; i++) {
    const data = new Uint8Array(random(200)).fill(i & 255)
    insert.bind([`item ${random(1e6)} ${'x'.repeat(random(40))}`, random(1e6) / 8, data]).stepReset()
  }
  insert.finalize()
  db.exec('commit')
  db.exec('create index by_name on item (name); create index by_weight on item (weight)')

  const query = db.prepare('select count(*), total(weight), max(name) from item where weight between ? and ?')
  let found = 0
  let last = ''
  for (let i = 0; i < 1250 * factor; i++) {
    const from = random(1e6) / 8
    query.bind([from, from + 20]).step()
    found += query.get(0)
    last = query.get(2) ?? last
    query.reset()
  }
  query.finalize()
  console.log('found', found, last)

  db.exec("update item set data = zeroblob(id % 3000), name = name || ' again' where id % 7 = 0")
  db.exec('delete from item where id % 3 = 0')
  console.log(db.selectArray('select count(*), total(length(data)), total(length(name)), min(weight) from item'))
  console.log(
    db.selectValue("select group_concat(name, '|') from (select name from item order by name limit 500)").length,
  )
  console.log(db.selectArrays('select id % 5, count(*), avg(weight) from item group by 1 order by 1'))
  console.log('integrity', db.selectValue('pragma integrity_check'))
  console.log('file', sqlite3.capi.sqlite3_js_db_export(db).length)
  try {
    db.exec('select nothing from nowhere')
  } catch (error) {
    console.log('refused:', error.message)
  }
  db.close()
}
