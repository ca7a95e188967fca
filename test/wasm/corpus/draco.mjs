/**
 * draco3d, by hand (`npm install draco3d`): encodes a mesh made here at several speeds and decodes it again.
 *
 * Hard for an interposer: two modules in one program (encoder and decoder) with memories of their own; C++ with
 * operator new, names minified; the glue takes a scratch buffer from malloc, keeps it, and frees it much later.
 */
const { default: draco3d } = await import('draco3d').catch((error) => {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
  console.log('skipped: npm install draco3d')
  process.exit(0)
})

const factor = Number(process.argv[2] ?? 1)
const encoderModule = await draco3d.createEncoderModule({})
const decoderModule = await draco3d.createDecoderModule({})

/** A bumpy sheet of `side` by `side` points. */
function sheet(side) {
  const points = new Float32Array(side * side * 3)
  const faces = []
  for (let y = 0, at = 0; y < side; y++) {
    for (let x = 0; x < side; x++, at += 3) {
      points.set([x, y, ((x * 37 + y * 91) % 17) / 4], at)
      if (x === 0 || y === 0) continue
      const here = y * side + x
      faces.push(here, here - 1, here - side, here - 1, here - side - 1, here - side)
    }
  }
  return { points, faces: new Uint32Array(faces) }
}

function encode({ points, faces }, speed) {
  const encoder = new encoderModule.Encoder()
  const builder = new encoderModule.MeshBuilder()
  const mesh = new encoderModule.Mesh()
  builder.AddFacesToMesh(mesh, faces.length / 3, faces)
  builder.AddFloatAttributeToMesh(mesh, encoderModule.POSITION, points.length / 3, 3, points)
  encoder.SetSpeedOptions(speed, speed)
  encoder.SetAttributeQuantization(encoderModule.POSITION, 12)
  encoder.SetEncodingMethod(encoderModule.MESH_EDGEBREAKER_ENCODING)
  const packed = new encoderModule.DracoInt8Array()
  const length = encoder.EncodeMeshToDracoBuffer(mesh, packed)
  const bytes = Int8Array.from({ length }, (_, i) => packed.GetValue(i))
  for (const thing of [packed, mesh, builder, encoder]) encoderModule.destroy(thing)
  return bytes
}

function decode(bytes) {
  const decoder = new decoderModule.Decoder()
  const buffer = new decoderModule.DecoderBuffer()
  buffer.Init(bytes, bytes.length)
  const mesh = new decoderModule.Mesh()
  const status = decoder.DecodeBufferToMesh(buffer, mesh)
  const says = status.ok() ? `${mesh.num_faces()} faces ${mesh.num_points()} points` : status.error_msg()
  let sum = 0
  if (status.ok()) {
    const values = new decoderModule.DracoFloat32Array()
    decoder.GetAttributeFloatForAllPoints(mesh, decoder.GetAttribute(mesh, 0), values)
    for (let i = 0; i < values.size(); i++) sum += values.GetValue(i)
    decoderModule.destroy(values)
  }
  for (const thing of [mesh, buffer, decoder]) decoderModule.destroy(thing)
  return `${says} ${sum.toFixed(3)}`
}

for (const side of [2, 10, Math.round(90 * Math.sqrt(factor))]) {
  for (const speed of [0, 5, 10]) {
    const bytes = encode(sheet(side), speed)
    console.log(
      side,
      speed,
      bytes.length,
      bytes.reduce((sum, byte) => (sum * 31 + byte) | 0, 0),
      decode(bytes),
    )
  }
}
for (let i = 0; i < 100 * factor; i++) decode(encode(sheet(3 + (i % 9)), i % 11))
console.log('refused:', decode(new Int8Array(50)))
