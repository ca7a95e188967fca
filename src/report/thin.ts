/**
 * thin: a long series as few points that draw the same curve.
 *
 *   events      0 ....... w-1 | w ...... 2w-1 | ...
 *   points      lo         hi | hi         lo | ...      the least and the greatest value of each part, in the order
 *                                                        in which they came
 *
 * A peak of one event among a million stays as high as it was.
 */

/** The events where the points stand: the first and the last of each part; every event when these are few. */
export function pointsOf(events: number, most: number): Float64Array {
  if (events <= most) return Float64Array.from({ length: events }, (_, event) => event)
  const parts = most >> 1
  const at = new Float64Array(2 * parts)
  for (let part = 0; part < parts; part++) {
    at[2 * part] = Math.floor((part * events) / parts)
    at[2 * part + 1] = Math.floor(((part + 1) * events) / parts) - 1
  }
  return at
}

/** The values of a series at the points of `pointsOf(values.length, most)`. */
export function thin(values: Float64Array, most: number): Float64Array {
  if (values.length <= most) return values.slice()
  const at = pointsOf(values.length, most)
  const points = new Float64Array(at.length)
  for (let point = 0; point < at.length; point += 2) {
    let [least, greatest] = [at[point]!, at[point]!]
    for (let event = at[point]!; event <= at[point + 1]!; event++) {
      if (values[event]! < values[least]!) least = event
      if (values[event]! > values[greatest]!) greatest = event
    }
    points[point] = values[Math.min(least, greatest)]!
    points[point + 1] = values[Math.max(least, greatest)]!
  }
  return points
}
