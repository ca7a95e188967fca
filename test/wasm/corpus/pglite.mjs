/**
 * @electric-sql/pglite, by hand (`npm install @electric-sql/pglite`): makes a Postgres cluster in memory and works in it.
 *
 * Hard for an interposer: initdb keeps a copy of its whole memory and later puts it back, so linear memory goes back in
 * time while what stands outside of it does not: the state of an allocator has to live in that memory. There are several
 * modules and instances (initdb, postgres), setjmp through exceptions of JavaScript, and an allocator over the allocator.
 */
const { PGlite } = await import('@electric-sql/pglite').catch((error) => {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
  console.log('skipped: npm install @electric-sql/pglite')
  process.exit(0)
})

const factor = Number(process.argv[2] ?? 1)
const db = await PGlite.create()
await db.exec('create table item (id serial primary key, name text, weight real, tags text[], data jsonb)')
await db.transaction(async (tx) => {
  for (let i = 0; i < 400 * factor; i++) {
    await tx.query('insert into item (name, weight, tags, data) values ($1, $2, $3, $4)', [
      `item ${(i * 7919) % 10007}`,
      i / 8,
      ['a', 'b', String(i % 10)],
      { i, text: 'x'.repeat(i % 90) },
    ])
  }
})
await db.query(
  "insert into item (name, weight, data) select 'row ' || i, i, jsonb_build_object('i', i) from generate_series(1, $1) i",
  [Math.round(3000 * factor)],
)
await db.exec('create index by_name on item (name); create index by_tag on item using gin (tags); analyze item')
const rows = async (text, values) => (await db.query(text, values)).rows
console.log(await rows('select count(*)::int as n, sum(weight) as w, max(name) as last from item'))
console.log(
  await rows("select tags[3] as tag, count(*)::int as n from item where tags @> '{a}' group by 1 order by 1 limit 4"),
)
for (let i = 0; i < 100 * factor; i++) await rows('select * from item where name = $1', [`item ${i}`])
console.log(
  (await rows("select md5(string_agg(name || coalesce(data->>'text', ''), ',' order by id)) as sum from item"))[0].sum,
)
await db.query('update item set name = repeat(name, 20) where id % 3 = 0')
await db.query('delete from item where id % 4 = 0')
console.log(await rows('select sum(length(name))::int as n from item'))
await db.query('select nothing from nowhere').catch((error) => console.log('refused:', error.message))
await db.close()
