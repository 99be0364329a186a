// Rules over who may send: credentials that somebody asks for, and names in lists that somebody can have.

import { isRecord } from './json-schema.ts'
import type { Check, ConfigDocument } from './load.ts'
import { at, listAt, textAt } from './lookup.ts'
import { nearest, quote } from './mistake.ts'
import type { CheckMistake, Path } from './mistake.ts'

/** What the checks have to know of one way to authenticate. */
export interface Method {
  /** Its key under `authentication:`. */
  readonly name: string
  /** The key that it reads in a principal's credentials. */
  readonly credential: string | undefined
  /** True where it may make principals that the config does not have. */
  makesPrincipals (settings: unknown): boolean
}

/** The names of the entries of a list, whose settings may be wrong. */
function namesIn (document: ConfigDocument, ...list: Path): { name: string, settings: unknown, path: Path }[] {
  return listAt(document, ...list).flatMap((entry, index) => {
    if (typeof entry === 'string') return [{ name: entry, settings: {}, path: [...list, index] }]
    return Object.entries(isRecord(entry) ? entry : {})
      .map(([name, settings]) => ({ name, settings, path: [...list, index, name] }))
  })
}

/** A credential that nobody asks for lets nobody in, and its owner finds out by being refused. */
export function credentialsAreAsked (methods: readonly Method[]): Check {
  return document => {
    const asked = new Set(namesIn(document, 'authentication').map(({ name }) => name))
    // Where nobody is asked at all, another rule says so.
    if (asked.size === 0) return []
    return listAt(document, 'principals').flatMap((_, index) =>
      namesIn(document, 'principals', index, 'credentials').flatMap(({ name, path }): CheckMistake[] => {
        const method = methods.find(({ credential }) => credential === name)
        if (method === undefined || methods.some(one => one.credential === name && asked.has(one.name))) return []
        return [{
          path, problem: `${name}, and nothing under authentication asks for it: it would let nobody in`,
          expected: `"${method.name}" under authentication, or no such credential`
        }]
      }))
  }
}

const listNames = ['allow', 'deny']

/** A name that nobody can have allows or denies nobody, which is never meant. */
export function listedNamesExist (methods: readonly Method[]): Check {
  return document => {
    const made = namesIn(document, 'authentication').some(({ name, settings }) =>
      methods.some(method => method.name === name && method.makesPrincipals(settings)))
    if (made) return []
    const principals = listAt(document, 'principals')
    const known: Readonly<Record<string, readonly string[]>> = {
      principal: principals.flatMap(one => textAt(one, 'name') ?? []),
      group: principals.flatMap(one => listAt(one, 'groups').filter(group => typeof group === 'string'))
    }
    const lists: Path[] = [['policies'], ...listAt(document, 'routes').map((_, index) => ['routes', index, 'policies'])]
    return lists.flatMap(list => namesIn(document, ...list)).filter(({ name }) => name === 'acl').flatMap(({ path }) =>
      listNames.flatMap(key => listAt(document, ...path, key).flatMap((_, index) =>
        unknownName(textAt(document, ...path, key, index) ?? '', [...path, key, index], known))))
  }
}

function unknownName (entry: string, path: Path, known: Readonly<Record<string, readonly string[]>>): CheckMistake[] {
  const [, kind = '', name = ''] = /^(group|principal):(.+)$/s.exec(entry) ?? []
  const names = known[kind]
  if (names === undefined || names.includes(name)) return []
  const near = nearest(name, names)
  return [{
    path, problem: `${quote(entry)} is nobody: no principal of the config ${kind === 'group' ? 'is in that group' : 'has that name'}`,
    expected: 'one of the config, as nothing under authentication makes others',
    suggestion: near === undefined ? undefined : `${kind}:${near}`
  }]
}

/** An ip-restriction that restricts nobody was meant to say something. */
export const restrictionsRestrict: Check = (document) => {
  const lists: Path[] = [['policies'], ...listAt(document, 'routes').map((_, index) => ['routes', index, 'policies'])]
  return lists.flatMap(list => namesIn(document, ...list)).flatMap(({ name, path }): CheckMistake[] => {
    if (name !== 'ip-restriction' || at(document, ...path, 'allow') !== undefined) return []
    if (listAt(document, ...path, 'deny').length > 0) return []
    return [{ path, problem: 'neither allow nor deny: it would refuse nobody', expected: 'addresses or networks under allow or deny' }]
  })
}
