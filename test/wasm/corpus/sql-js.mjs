/**
 * sql.js: fills a database, exports it as a file, closes it, opens the file again and works on.
 *
 * Hard for an interposer: names are minified, and the build has inlined realloc into sqlite's own wrapper of it, which
 * reads the head of a block at p - 4 and splits or extends the block itself: what stands in front of a payload must be a
 * head as dlmalloc writes it, or the module must be left with its own allocator.
 */
import initSqlJs from 'sql.js'

const factor = Number(process.argv[2] ?? 1)
let seed = 1
const random = (below) => (((seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) >>> 8) % below) | 0

function sum(bytes) {
  let value = 2166136261
  for (let i = 0; i < bytes.length; i++) value = Math.imul(value ^ bytes[i], 16777619) >>> 0
  return value.toString(16)
}

const SQL = await initSqlJs()
let db = new SQL.Database()
db.run('create table word (id integer primary key, text text, data blob)')
for (let round = 0; round < 3; round++) {
  const insert = db.prepare('insert into word (text, data) values (?, ?)')
  db.run('begin')
  for (let i = 0; i < 2500 * factor; i++) {
    insert.run([`word ${random(1e6)} ${'y'.repeat(random(100))}`, new Uint8Array(random(300)).fill(i)])
  }
  insert.free()
  db.run('commit')
  db.run('create index if not exists by_text on word (text)')

  const file = db.export()
  db.close()
  console.log('file', file.length, sum(file))
  db = new SQL.Database(file)

  const select = db.prepare('select id, text, length(data) as size from word where text > $from order by text limit 20')
  let total = 0
  for (let i = 0; i < 200 * factor; i++) {
    select.bind({ $from: `word ${random(1e6)}` })
    while (select.step()) total += select.getAsObject().size
  }
  select.free()
  console.log('sizes', total)
  db.create_function('backwards', (text) => [...text].reverse().join(''))
  console.log(
    db.exec('select count(*), max(backwards(text)), total(length(data)) from word where id % 5 = 1')[0].values,
  )
  db.run("delete from word where id % 4 = ? or text like '%zzz'", [round])
}
console.log(
  db.exec("select group_concat(text, ';') from (select text from word order by id limit 800)")[0].values[0][0].length,
)
db.close()
