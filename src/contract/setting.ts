// JSON Schema fragments for settings that need more than plain JSON types, or are shared: sizes, secrets, origins.

/** The keyword by which the config room knows that text such as `64MiB` becomes a number of bytes. */
export const bytesKeyword = 'x-bytes'
/** The keyword by which the config room knows that a text becomes a `Secret`. */
export const secretKeyword = 'x-secret'
/** Below this point nothing of the file is ever repeated: hashes of credentials, or keys pasted in their place. */
export const hideKeyword = 'x-hide'

/** What a text must be, in words for an operator, where its pattern would say little. */
export const expectedKeyword = 'x-expected'

interface BytesOptions { description: string, default?: string, minimumBytes?: number, maximumBytes?: number }

/** A byte size: an integer or text like `512`, `64KiB`, `1MiB`, `10GiB`. The frozen config holds a number of bytes. */
export function bytes (options: BytesOptions): object {
  const { minimumBytes = 1, maximumBytes, ...rest } = options
  return {
    [bytesKeyword]: { minimumBytes, maximumBytes }, type: ['integer', 'string'],
    pattern: '^[0-9]+(B|KiB|MiB|GiB|TiB)?$', ...rest
  }
}

/** A text that must never be shown. The frozen config holds a `Secret`. */
export function secret (options: { description: string }): object {
  return { [secretKeyword]: true, type: 'string', minLength: 1, ...options }
}

/** Whose pages may connect: a list of exact origins, or of `*`. */
export const origins = {
  type: 'array', default: [], maxItems: 1_000,
  items: { type: 'string', pattern: '^(\\*|[a-z][a-z0-9+.-]*://[^/\\s*]+)$' },
  description: 'Whose pages may connect beside those of this host: exact origins such as https://shop.example, or `*` for all.'
}
