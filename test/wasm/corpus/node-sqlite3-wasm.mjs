/**
 * node-sqlite3-wasm, by hand (`npm install node-sqlite3-wasm`): a database in memory, with statements kept and not kept.
 *
 * Hard for an interposer: as with sql.js names are minified and realloc is inlined into sqlite's own wrapper of it, which
 * works on the heads of blocks; the release is another, and the function 1.6 kB long.
 */
const { default: sqlite } = await import('node-sqlite3-wasm').catch((error) => {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
  console.log('skipped: npm install node-sqlite3-wasm')
  process.exit(0)
})

const factor = Number(process.argv[2] ?? 1)
const db = new sqlite.Database(':memory:')
db.exec('create table item (id integer primary key, name text, data blob); create index by_name on item (name)')
for (let round = 0; round < 3; round++) {
  const insert = db.prepare('insert into item (name, data) values (?, ?)')
  db.exec('begin')
  for (let i = 0; i < 2000 * factor; i++) {
    insert.run([`item ${(i * 7919) % 10007} ${'x'.repeat(i % 80)}`, new Uint8Array(i % 300).fill(i)])
  }
  db.exec('commit')
  insert.finalize()
  let found = 0
  for (let i = 0; i < 200 * factor; i++)
    found += db.all('select * from item where name > ? limit 5', [`item ${i}`]).length
  console.log('found', found, db.get('select count(*) as n, max(name) as last, total(length(data)) as bytes from item'))
  db.function('twice', (text) => text + text, { deterministic: true })
  console.log(db.get("select total(length(twice(name))) as n, length(group_concat(name, '-')) as all_names from item"))
  db.run('delete from item where id % 4 = ?', [round])
  db.exec('vacuum')
}
try {
  db.exec('select nothing from nowhere')
} catch (error) {
  console.log('refused:', error.message)
}
console.log('integrity', db.get('pragma integrity_check'))
db.close()
