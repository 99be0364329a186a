// References in config text: `${env:NAME}` and `${file:PATH}`, with `$${` for a plain `${`. Finds and resolves them.

import { resolve } from 'node:path'

/** Where references look. `readFile` throws what the file system throws. */
export interface ReferenceSources {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Folder of the config file; relative paths start there. */
  readonly baseDir: string
  readonly readFile: (path: string) => string
}

/** A reference that leads nowhere. The message names the reference, never a value. */
export class BrokenReference extends Error {
  readonly expected: string
  constructor (message: string, expected: string) {
    super(message)
    this.name = 'BrokenReference'
    this.expected = expected
  }
}

const token = /\$\$\{|\$\{([^}]*)\}?/g
const environmentName = /^[A-Za-z_][A-Za-z0-9_]*$/
const kinds = '${env:NAME} or ${file:PATH}; a plain "${" is written "$${"'

export function holdsReference (text: string): boolean {
  return text.includes('${')
}

/** True where the text is one reference and nothing else, so that its value may stand for a number or a boolean. */
export function isOneReference (text: string): boolean {
  return /^\$\{[^}]*\}$/.test(text)
}

/** The text with each reference replaced by its present value, which is not expanded again. Throws BrokenReference. */
export function expand (text: string, sources: ReferenceSources): string {
  if (!holdsReference(text)) return text
  return text.replace(token, (whole: string, inner: string | undefined) => {
    if (inner === undefined) return '${'
    if (!whole.endsWith('}')) throw new BrokenReference('a reference without its closing "}"', kinds)
    const colon = inner.indexOf(':')
    const kind = inner.slice(0, Math.max(colon, 0))
    const name = inner.slice(colon + 1)
    if (kind === 'env') return fromEnvironment(name, sources)
    if (kind === 'file') return fromFile(name, sources)
    throw new BrokenReference('a reference of an unknown kind', kinds)
  })
}

function fromEnvironment (name: string, sources: ReferenceSources): string {
  if (!environmentName.test(name)) throw new BrokenReference('a reference to no proper variable name', '${env:NAME}')
  const value = Object.hasOwn(sources.env, name) ? sources.env[name] : undefined
  if (value === undefined) {
    throw new BrokenReference(`environment variable ${name} is not set`, `${name} in the environment of this process`)
  }
  return value
}

function fromFile (name: string, sources: ReferenceSources): string {
  if (name === '' || name.includes('\0')) throw new BrokenReference('a reference to no file', '${file:PATH}')
  const path = resolve(sources.baseDir, name)
  try {
    return sources.readFile(path).replace(/\r?\n$/, '')
  } catch (error) {
    throw new BrokenReference(`file ${path} cannot be read: ${reason(error)}`, 'a readable text file of at most 64 KiB')
  }
}

function reason (error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code
  return error instanceof Error && error.name === 'TextFileError' ? error.message : 'unreadable'
}
