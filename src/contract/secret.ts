// A value that no log, error or dump can show: only `reveal` gives it away.

const hidden = '***'
const inspect = Symbol.for('nodejs.util.inspect.custom')

/** Holds a reference or a literal; `resolve` turns it into the value each time, so a rotated file is seen. */
export class Secret {
  readonly #reference: string
  readonly #resolve: (reference: string) => string

  constructor (reference: string, resolve: (reference: string) => string = same) {
    this.#reference = reference
    this.#resolve = resolve
  }

  /** The value itself. Call it where it is used, never earlier, and keep it nowhere. */
  reveal (): string {
    return this.#resolve(this.#reference)
  }

  toString (): string { return hidden }
  toJSON (): string { return hidden }
  [inspect] (): string { return hidden }
}

function same (reference: string): string { return reference }
