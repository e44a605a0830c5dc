/** The administrator that a first start makes. */
export const ADMIN_USERNAME = 'admin'
/** Of the users `admin` and `test` of a development database. */
export const SAMPLE_PASSWORD = '123456'
