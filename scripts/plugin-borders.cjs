const { existsSync, readdirSync, readFileSync } = require('node:fs')
const { join } = require('node:path')

const FOLDER = 'backend/plugin'

/** Of each plugin below a repository: the plugins that its manifest says it depends on. */
function dependenciesBelow(root) {
  const folder = join(root, FOLDER)
  const names = existsSync(folder) ? readdirSync(folder).sort() : []
  return names.map((name) => {
    const manifest = join(folder, name, 'plugin.json')
    const { depends_on = [] } = existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')) : {}
    return { name, depends_on }
  })
}

/** Who may import which plugin, as the manifests say. */
function pluginBorders(root) {
  return dependenciesBelow(root).map(({ name, depends_on }) => ({
    name: 'other-plugin',
    comment: 'A plugin uses the services and models of those that its manifest depends on, and of no other.',
    severity: 'error',
    from: { path: `^${FOLDER}/${name}/`, pathNot: '(^|/)tests/' },
    to: {
      path: `^${FOLDER}/`,
      pathNot: [`^${FOLDER}/${name}/`, ...depends_on.map((other) => `^${FOLDER}/${other}/(service|model)/`)],
    },
  }))
}

module.exports = { pluginBorders }
