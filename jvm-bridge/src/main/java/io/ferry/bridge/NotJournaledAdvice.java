package io.ferry.bridge;

import org.springframework.core.Ordered;
import org.springframework.core.annotation.Order;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.ControllerAdvice;
import org.springframework.web.bind.annotation.ExceptionHandler;

/**
 * Answers Clouddriver's own requests whose write was not done: 503, and when to come again, or 400.
 * First of all advice, since Clouddriver's takes every exception.
 */
@ControllerAdvice
@Order(Ordered.HIGHEST_PRECEDENCE)
class NotJournaledAdvice {

  @ExceptionHandler(NotJournaled.class)
  public ResponseEntity<byte[]> answer(NotJournaled refused) {
    return Answers.notJournaled(refused);
  }
}
