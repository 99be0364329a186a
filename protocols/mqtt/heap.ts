// A heap whose items can change their place: which of many comes first, in time that grows with the logarithm of them.

export class Heap<T> {
  readonly #isBefore: (one: T, other: T) => boolean
  readonly #items: T[] = []
  /** Where each item stands. */
  readonly #places = new Map<T, number>()

  constructor (isBefore: (one: T, other: T) => boolean) {
    this.#isBefore = isBefore
  }

  get first (): T | undefined { return this.#items[0] }
  get size (): number { return this.#items.length }

  /** Puts an item in, or where it belongs now that it has changed. */
  put (item: T): void {
    const at = this.#places.get(item) ?? this.#items.length
    this.#set(at, item)
    this.#rise(at)
    this.#sink(this.#places.get(item) ?? 0)
  }

  delete (item: T): void {
    const at = this.#places.get(item)
    if (at === undefined) return
    this.#places.delete(item)
    const last = this.#items.pop()
    if (last === undefined || last === item) return
    this.#set(at, last)
    this.put(last)
  }

  #set (at: number, item: T): void {
    this.#items[at] = item
    this.#places.set(item, at)
  }

  /** Whether the item at the first place belongs before the one at the other; no item belongs before none. */
  #precedes (one: number, other: number): boolean {
    const [first, second] = [this.#items[one], this.#items[other]]
    return first !== undefined && second !== undefined && this.#isBefore(first, second)
  }

  #swap (one: number, other: number): void {
    const [first, second] = [this.#items[one], this.#items[other]]
    if (first === undefined || second === undefined) return
    this.#set(one, second)
    this.#set(other, first)
  }

  #rise (from: number): void {
    for (let at = from; at > 0;) {
      const above = (at - 1) >> 1
      if (!this.#precedes(at, above)) return
      this.#swap(at, above)
      at = above
    }
  }

  #sink (from: number): void {
    for (let at = from; ;) {
      const left = 2 * at + 1
      const sooner = this.#precedes(left + 1, left) ? left + 1 : left
      if (!this.#precedes(sooner, at)) return
      this.#swap(at, sooner)
      at = sooner
    }
  }
}
