// What the admin listener refuses, as problem documents (RFC 9457) with a stable code each.

/** Every code with its status. */
export const problems = {
  'malformed': { status: 400, title: 'Malformed request' },
  'unauthenticated': { status: 401, title: 'Not authenticated' },
  'unknown-path': { status: 404, title: 'Unknown path' },
  'unknown-principal': { status: 404, title: 'Unknown principal' },
  'method-not-allowed': { status: 405, title: 'Method not allowed' },
  'request-timeout': { status: 408, title: 'Request timed out' },
  'too-large': { status: 413, title: 'Too large' },
  'unsupported-media-type': { status: 415, title: 'Unsupported media type' },
  'misdirected': { status: 421, title: 'Not called by a name of this listener' },
  'invalid-body': { status: 422, title: 'Invalid body' },
  'too-many-tries': { status: 429, title: 'Too many wrong tokens' },
  'headers-too-large': { status: 431, title: 'Header section too large' },
  'internal': { status: 500, title: 'Internal fault' },
  'list-full': { status: 507, title: 'Too many principals are disabled' }
} as const satisfies Record<string, { status: number, title: string }>

export type ProblemCode = keyof typeof problems

/** One refused request. */
export class Problem {
  readonly code: ProblemCode
  /** What to do, without a secret. */
  readonly detail: string
  /** Headers that belong to the answer. */
  readonly headers: Readonly<Record<string, string>>
  constructor (code: ProblemCode, detail: string, headers: Readonly<Record<string, string>> = {}) {
    this.code = code
    this.detail = detail
    this.headers = headers
  }

  get status (): number { return problems[this.code].status }

  /** The document, as JSON text. */
  get text (): string {
    const { status, title } = problems[this.code]
    return `${JSON.stringify({ type: `urn:sluice:admin:${this.code}`, title, status, code: this.code, detail: this.detail })}\n`
  }
}
