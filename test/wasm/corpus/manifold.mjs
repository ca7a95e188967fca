/**
 * manifold-3d, by hand (`npm install manifold-3d`): joins, cuts and measures solids.
 *
 * Hard for an interposer: C++ with operator new and shared pointers, some hundreds of sites that call malloc, names
 * minified; objects are handed to JavaScript by embind and deleted from there; memory grows within a single call.
 */
const { default: Module } = await import('manifold-3d').catch((error) => {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
  console.log('skipped: npm install manifold-3d')
  process.exit(0)
})

const factor = Number(process.argv[2] ?? 1)
const wasm = await Module()
wasm.setup()
const { CrossSection, Manifold } = wasm
const show = (name, solid) =>
  console.log(
    name,
    solid.numTri(),
    solid.numVert(),
    solid.genus(),
    solid.volume().toFixed(4),
    solid.surfaceArea().toFixed(4),
  )

let sponge = Manifold.cube([1, 1, 1], true)
for (let level = 0, size = 1; level < 2; level++, size /= 3) {
  const holes = []
  const count = 3 ** level
  for (let x = 0; x < count; x++) {
    for (let y = 0; y < count; y++) {
      const at = (i) => (i + 0.5) / count - 0.5
      holes.push(Manifold.cube([size / 3, size / 3, 2], true).translate([at(x), at(y), 0]))
    }
  }
  const hole = Manifold.compose(holes)
  for (const turn of [
    [0, 0, 0],
    [90, 0, 0],
    [0, 90, 0],
  ])
    sponge = sponge.subtract(hole.rotate(turn))
  show('sponge', sponge)
}
for (let i = 0; i < 4 * factor; i++) {
  const ball = Manifold.sphere(0.6, 24 + (i % 5) * 8).translate([i % 3 === 0 ? 0.1 : 0, 0.05 * (i % 7), 0])
  const cut = i % 2 ? sponge.intersect(ball) : sponge.add(ball)
  if (i % 4 === 0) show('cut', cut)
  ball.delete()
  cut.delete()
}
const ring = CrossSection.circle(2, 60).subtract(CrossSection.circle(1.4, 40))
show('ring', ring.extrude(1, 10, 45))
show('turned', ring.translate([4, 0]).revolve(48))
const mesh = sponge.getMesh()
console.log('mesh', mesh.triVerts.length, mesh.vertProperties.length, new Manifold(mesh).numTri())
try {
  Manifold.ofMesh({ ...mesh, triVerts: mesh.triVerts.slice(3) })
} catch (error) {
  console.log('refused:', error.message)
}
