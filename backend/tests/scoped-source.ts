import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export interface SourceFile {
  /** From the root of the repository. */
  path: string
  text: string
}

/** A table that takes part in row permissions, as other files name it. */
export interface ScopedTable {
  model: string
  module: string
  export_name: string
  sql_name: string
}

/** An exported function that reads or changes rows of scoped models. */
export interface Toucher {
  /** `<file>/<function>` */
  name: string
  /** Of these models it takes the row scope. */
  scoped: string[]
  /** Of these it does not. */
  unscoped: string[]
}

/** The sources of applications and plugins whose path matches. */
export function sourcesBelow(pattern: RegExp): SourceFile[] {
  return ['app', 'plugin']
    .flatMap((folder) => readFolder(join(ROOT, 'backend', folder)))
    .map((path) => relative(ROOT, path))
    .filter((path) => pattern.test(path))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }))
}

function readFolder(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

const DECLARERS = new Set(['scopedModel', 'ownedModel'])

export function scopedTables(models: readonly SourceFile[]): ScopedTable[] {
  return models.flatMap((source) => {
    const tables = new Map<string, string>()
    const found: ScopedTable[] = []
    const visit = (node: ts.Node): void => {
      if (ts.isVariableDeclaration(node) && node.initializer !== undefined && ts.isCallExpression(node.initializer)) {
        const [name] = node.initializer.arguments
        if (calleeOf(node.initializer) === 'pgTable' && name !== undefined && ts.isStringLiteral(name))
          tables.set(node.name.getText(), name.text)
      }
      if (ts.isCallExpression(node) && DECLARERS.has(calleeOf(node))) found.push(declared(source, node, tables))
      ts.forEachChild(node, visit)
    }
    visit(ts.createSourceFile(source.path, source.text, ts.ScriptTarget.Latest, true))
    return found
  })
}

const calleeOf = ({ expression }: ts.CallExpression) => (ts.isIdentifier(expression) ? expression.text : '')

function declared({ path }: SourceFile, call: ts.CallExpression, tables: ReadonlyMap<string, string>): ScopedTable {
  const [model, table] = call.arguments
  const sql_name = table === undefined ? undefined : tables.get(table.getText())
  if (model === undefined || !ts.isStringLiteral(model) || table === undefined || sql_name === undefined)
    throw new Error(`${path}: a scoped model that cannot be read: ${call.getText()}`)
  return {
    model: model.text,
    module: `#${path.replace(/\.ts$/, '')}`,
    export_name: table.getText(),
    sql_name,
  }
}

/** What one top-level declaration of a file does, by itself. */
interface Part {
  models: Set<string>
  /** Other top-level declarations of the file that it uses. */
  uses: Set<ts.Symbol>
}

/** The exported functions of a file that touch scoped tables, also by way of the file's own helpers. */
export function touchers(source: SourceFile, tables: readonly ScopedTable[]): Toucher[] {
  const { file, checker } = bind(source)
  const parts = new Map<ts.Symbol, Part>()
  const exported: { symbol: ts.Symbol; parameters: readonly ts.ParameterDeclaration[] }[] = []
  for (const statement of file.statements) {
    if (ts.isExportDeclaration(statement) || ts.isExportAssignment(statement))
      throw new Error(`${source.path}: only declarations may be exported, not ${statement.getText()}`)
    for (const declaration of declarationsOf(statement)) {
      const part = partOf(declaration, checker, tables)
      const parameters = parametersOf(declaration)
      for (const name of namesOf(declaration.name)) {
        const symbol = checker.getSymbolAtLocation(name)
        if (symbol === undefined) throw new Error(`${source.path}: ${name.text} cannot be resolved`)
        parts.set(symbol, part)
        if (isExported(statement) && parameters !== undefined) exported.push({ symbol, parameters })
      }
    }
  }
  const prefix = source.path.replace(/^.*\//, '').replace(/\.ts$/, '')
  return exported.flatMap(({ symbol, parameters }) => {
    const models = [...reached(symbol, parts)].sort()
    const taken = scopesTaken(parameters, checker)
    const [scoped, unscoped] = [true, false].map((wanted) => models.filter((model) => taken.has(model) === wanted))
    return models.length === 0
      ? []
      : [{ name: `${prefix}/${symbol.name}`, scoped: scoped ?? [], unscoped: unscoped ?? [] }]
  })
}

/** One file alone, with its names resolved; what it imports stays a name. */
function bind({ path, text }: SourceFile): { file: ts.SourceFile; checker: ts.TypeChecker } {
  const options: ts.CompilerOptions = { noResolve: true, noLib: true, target: ts.ScriptTarget.Latest }
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  const host = ts.createCompilerHost(options)
  host.getSourceFile = (name) => (name === path ? file : undefined)
  return { file, checker: ts.createProgram({ rootNames: [path], options, host }).getTypeChecker() }
}

type Declaration = ts.FunctionDeclaration | ts.VariableDeclaration

function declarationsOf(statement: ts.Statement): readonly Declaration[] {
  if (ts.isFunctionDeclaration(statement)) return [statement]
  return ts.isVariableStatement(statement) ? statement.declarationList.declarations : []
}

function namesOf(name: ts.BindingName | undefined): ts.Identifier[] {
  if (name === undefined) return []
  if (ts.isIdentifier(name)) return [name]
  return name.elements.flatMap((element) => (ts.isBindingElement(element) ? namesOf(element.name) : []))
}

function isExported(statement: ts.Statement): boolean {
  const modifiers = ts.canHaveModifiers(statement) ? ts.getModifiers(statement) : undefined
  return modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) === true
}

function parametersOf(declaration: Declaration): readonly ts.ParameterDeclaration[] | undefined {
  if (ts.isFunctionDeclaration(declaration)) return declaration.parameters
  const value = declaration.initializer
  const isFunction = value !== undefined && (ts.isArrowFunction(value) || ts.isFunctionExpression(value))
  return isFunction ? value.parameters : undefined
}

/** An insert names no row that is there, and gives back only its own: the arguments of these say nothing. */
function isHarmlessCall(node: ts.Node): node is ts.CallExpression {
  return (
    ts.isCallExpression(node) &&
    ts.isPropertyAccessExpression(node.expression) &&
    ['insert', 'returning'].includes(node.expression.name.text)
  )
}

function partOf(declaration: Declaration, checker: ts.TypeChecker, tables: readonly ScopedTable[]): Part {
  const part: Part = { models: new Set(), uses: new Set() }
  const add = (found: readonly ScopedTable[]) => {
    for (const { model } of found) part.models.add(model)
  }
  const visit = (node: ts.Node): void => {
    if (ts.isTypeNode(node)) return
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node))
      add(tables.filter(({ sql_name }) => new RegExp(`\\b${sql_name}\\b`).test(node.text)))
    const symbol = ts.isIdentifier(node) ? symbolOf(node, checker) : undefined
    if (symbol !== undefined) {
      part.uses.add(symbol)
      add(importedTables(symbol, tables))
    }
    if (isHarmlessCall(node)) visit(node.expression)
    else ts.forEachChild(node, visit)
  }
  visit(declaration)
  return part
}

function symbolOf(node: ts.Identifier, checker: ts.TypeChecker): ts.Symbol | undefined {
  return ts.isShorthandPropertyAssignment(node.parent)
    ? checker.getShorthandAssignmentValueSymbol(node.parent)
    : checker.getSymbolAtLocation(node)
}

/** The tables behind an imported name; of a whole module all of them. */
function importedTables(symbol: ts.Symbol, tables: readonly ScopedTable[]): ScopedTable[] {
  return (symbol.declarations ?? []).flatMap((declaration) => {
    const isWhole = ts.isNamespaceImport(declaration)
    if (!isWhole && !ts.isImportSpecifier(declaration)) return []
    const from = ts.findAncestor(declaration, ts.isImportDeclaration)?.moduleSpecifier
    const own = tables.filter(({ module }) => from !== undefined && ts.isStringLiteral(from) && from.text === module)
    if (isWhole) return own
    const imported = (declaration.propertyName ?? declaration.name).text
    return own.filter(({ export_name }) => export_name === imported)
  })
}

function reached(start: ts.Symbol, parts: ReadonlyMap<ts.Symbol, Part>): Set<string> {
  const models = new Set<string>()
  const seen = new Set([start])
  for (const symbol of seen) {
    const part = parts.get(symbol)
    for (const model of part?.models ?? []) models.add(model)
    for (const used of part?.uses ?? []) seen.add(used)
  }
  return models
}

/** The models whose row scope is among the parameters, directly or within a type of the file. */
function scopesTaken(parameters: readonly ts.ParameterDeclaration[], checker: ts.TypeChecker): Set<string> {
  const models = new Set<string>()
  const seen = new Set<ts.Node>()
  const visit = (node: ts.Node): void => {
    if (seen.has(node)) return
    seen.add(node)
    if (ts.isTypeReferenceNode(node)) {
      const [argument] = node.typeArguments ?? []
      if (node.typeName.getText() === 'RowScope' && argument !== undefined && ts.isLiteralTypeNode(argument))
        if (ts.isStringLiteral(argument.literal)) models.add(argument.literal.text)
      for (const declaration of checker.getSymbolAtLocation(node.typeName)?.declarations ?? [])
        if (ts.isTypeAliasDeclaration(declaration) || ts.isInterfaceDeclaration(declaration)) visit(declaration)
    }
    ts.forEachChild(node, visit)
  }
  // A parameter that may be left out protects nothing.
  for (const { type, questionToken, initializer } of parameters)
    if (type !== undefined && questionToken === undefined && initializer === undefined) visit(type)
  return models
}
