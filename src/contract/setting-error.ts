// An error about settings that fit their schema and cannot work together, with the place of the one to change.

export class SettingError extends Error {
  /** From the root of the config, e.g. `['principals', 1, 'credentials', 0]`. */
  readonly path: readonly (string | number)[]

  constructor (message: string, path: readonly (string | number)[]) {
    super(message)
    this.path = path
  }
}
