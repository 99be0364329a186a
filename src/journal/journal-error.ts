// Why a journal cannot be opened, in words for the operator.

/** `code` is stable, `message` says what was attempted and what is in the way, `hint` what to do about it. */
export class JournalError extends Error {
  readonly code: string
  readonly hint: string

  constructor (code: string, message: string, options: { hint: string, cause?: unknown }) {
    super(message, { cause: options.cause })
    this.name = 'JournalError'
    this.code = code
    this.hint = options.hint
  }
}

/** The system's error code (`ENOSPC`), or '' where there is none. */
export function systemCode (error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : ''
}
