# Makes leaving.csv. Run by hand: Rscript tests/reference/leaving.R > tests/reference/leaving.csv
# survival 3.5-3: coxph with start-stop spells, Efron ties; the proportionality test of Grambsch and
# Therneau 1994 is put together by hand from scaled Schoenfeld residuals (cox.zph has since changed).
library(survival)
set.seed(8)
n <- 120
rows <- list()
for (i in 1:n) {
  cut <- round(runif(1, 1, 30)); x <- round(rnorm(1), 3)
  life <- ceiling(rexp(1, exp(-3.2 + 0.4 * x))); end <- min(life, 40)
  if (end > cut) {
    more <- ceiling(rexp(1, exp(-2.6 + 0.4 * x))); end <- min(cut + more, 40)
    rows[[length(rows) + 1]] <- c(i, 0, cut, 0, 0, x)
    rows[[length(rows) + 1]] <- c(i, cut, end, cut + more <= 40, 1, x)
  } else rows[[length(rows) + 1]] <- c(i, 0, end, life <= 40, 0, x)
}
d <- as.data.frame(do.call(rbind, rows)); names(d) <- c("customer", "start", "stop", "left", "failed", "x")
fit <- coxph(Surv(start, stop, left) ~ failed + x, d, ties = "efron", control = coxph.control(eps = 1e-12))
say <- function(name, value) cat(sprintf("# %s,%.15g\n", name, value))
say("failed", coef(fit)[1]); say("x", coef(fit)[2])
say("error_failed", sqrt(vcov(fit)[1, 1])); say("error_x", sqrt(vcov(fit)[2, 2])); say("loglik", fit$loglik[2])
s <- residuals(fit, "schoenfeld"); g <- rank(as.numeric(rownames(s))); g <- g - mean(g); m <- nrow(s)
star <- m * s %*% vcov(fit)
chi <- colSums(g * star)^2 / (m * diag(vcov(fit)) * sum(g^2))
say("p_failed", pchisq(chi[1], 1, lower.tail = FALSE)); say("p_x", pchisq(chi[2], 1, lower.tail = FALSE))
write.csv(d, row.names = FALSE, quote = FALSE)
