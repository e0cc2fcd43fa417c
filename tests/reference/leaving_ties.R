# Makes leaving_ties.csv. Run by hand: Rscript tests/reference/leaving_ties.R > tests/reference/leaving_ties.csv
# survival 3.5-3: coxph with start-stop spells by Efron and Breslow, in strata, clustered by customer
# (several leavings each). Times are days; the rows also carry them divided by seven, which breaks ties
# by rounding unless times equal but for rounding are one (coxph's timefix, on by default).
library(survival)
set.seed(21)
rows <- list()
for (i in 1:80) {
  x <- round(rnorm(1), 2); own <- rnorm(1, 0, .7); day <- sample(0:20, 1); opened <- day
  for (k in 1:sample(1:5, 1)) {
    stay <- ceiling(rexp(1, exp(-3 + .5 * x + own))); gap <- sample(5:30, 1)
    state <- rbinom(1, 1, .3)
    rows[[length(rows) + 1]] <- c(i, k, day - opened, day - opened + min(stay, gap), stay <= gap, state, x)
    day <- day + min(stay, gap)
  }
}
d <- as.data.frame(do.call(rbind, rows)); names(d) <- c("customer", "block", "start", "stop", "left", "state", "x")
say <- function(name, value) cat(sprintf("# %s,%.15g\n", name, value))
tell <- function(name, fit) {
  say(paste0(name, "_state"), coef(fit)[1]); say(paste0(name, "_x"), coef(fit)[2])
  say(paste0(name, "_error_state"), sqrt(vcov(fit)[1, 1])); say(paste0(name, "_error_x"), sqrt(vcov(fit)[2, 2]))
  say(paste0(name, "_loglik"), fit$loglik[2])
}
close <- coxph.control(eps = 1e-13, iter.max = 50)
for (ties in c("efron", "breslow")) {
  tell(ties, coxph(Surv(start, stop, left) ~ state + x, d, ties = ties, control = close))
  tell(paste0(ties, "_strata"), coxph(Surv(start, stop, left) ~ state + x + strata(block), d, ties = ties, control = close))
  tell(paste0(ties, "_cluster"), coxph(Surv(start, stop, left) ~ state + x + strata(block), d, ties = ties, control = close, cluster = customer))
}
weeks <- transform(d, start = (start + 100) / 7 - 100 / 7, stop = (stop + 100) / 7 - 100 / 7)
tell("weeks", coxph(Surv(start, stop, left) ~ state + x + strata(block), weeks, control = close))
wide <- transform(d, x = 1e-7 * x)  # a covariate in another unit
fit <- coxph(Surv(start, stop, left) ~ state + x, wide, control = close)
say("wide_x", coef(fit)[2]); say("wide_error_x", sqrt(vcov(fit)[2, 2]))
write.csv(d, row.names = FALSE, quote = FALSE)
