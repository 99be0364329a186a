// Counts the attempts that did not end in a receipt, by topic and by the name of the error.

import type { Measure } from '../../contract/sink.ts'

/** Names of errors come from a closed table, topics are bounded: further pairs are counted as one. */
const pairsMax = 1_000

interface Pair { readonly topic: string, readonly error: string, count: number }

export class Failures {
  readonly #pairs = new Map<string, Pair>()
  #others = 0
  total = 0

  count (topic: string, error: string): void {
    this.total++
    const key = `${topic} ${error}`
    const known = this.#pairs.get(key)
    if (known !== undefined) known.count++
    else if (this.#pairs.size < pairsMax) this.#pairs.set(key, { topic, error, count: 1 })
    else this.#others++
  }

  * measures (): Iterable<Measure> {
    for (const { topic, error, count } of this.#pairs.values()) {
      yield { name: 'kafka_failures_total', labels: { topic, error }, value: count }
    }
    if (this.#others > 0) yield { name: 'kafka_failures_total', labels: { topic: '', error: '' }, value: this.#others }
  }
}
