package io.ferry.clouddriverhost.sql;

/** A write that the database refused; like Clouddriver's own, it answers 500 with the definition. */
class SqlAccountDefinitionException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  SqlAccountDefinitionException(String message, Throwable cause) {
    super(message, cause);
  }
}
