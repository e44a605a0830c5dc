/** What is under way, in no order. */
export interface InFlight<T> {
  /** Returns what takes it out again, to be called once. */
  add: (item: T) => () => void
  values(): T[]
}

/**
 * Not a Set: one that is added to and deleted from without end leaves behind table after table, each of which holds the
 * next and what was in it, and those of an old one are kept until the whole heap is collected.
 */
export function createInFlight<T>(): InFlight<T> {
  const places: { item: T; index: number }[] = []
  return {
    add(item) {
      const place = { item, index: places.length }
      places.push(place)
      return () => {
        const last = places.pop()
        if (last === undefined || last === place) return
        places[place.index] = last
        last.index = place.index
      }
    },
    values: () => places.map(({ item }) => item),
  }
}
