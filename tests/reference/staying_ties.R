# Makes staying_ties.csv. Run by hand: Rscript tests/reference/staying_ties.R > tests/reference/staying_ties.csv
# Package survival (3.5-3): survfit and survdiff on whole days, many tied. The rows carry days; a test
# turns them into weeks of dates, which breaks the ties by rounding.
library(survival)
set.seed(14)
n <- 70
group <- sample(c("recovered", "no_failure"), n, TRUE, c(.4, .6))
index <- sample(0:150, n, TRUE)
life <- 7 * ceiling(rexp(n, ifelse(group == "recovered", 1 / 9, 1 / 14)))
left <- index + life; end <- 250
status <- as.integer(left <= end); days <- ifelse(status == 1, left, end) - index
say <- function(name, value) cat(sprintf("# %s,%.15g\n", name, value))
fit <- survfit(Surv(days, status) ~ group, conf.type = "log-log")
m <- summary(fit, rmean = 84)$table
for (g in c("recovered", "no_failure")) {
  say(paste0("days_", g), m[paste0("group=", g), "rmean"]); say(paste0("error_", g), m[paste0("group=", g), "se(rmean)"])
}
s <- summary(fit, times = 84)  # somebody leaves on that very day
say("share_no_failure", s$surv[1]); say("share_recovered", s$surv[2])
d <- survdiff(Surv(days, status) ~ group)
say("log_rank", d$chisq); say("p_value", pchisq(d$chisq, 1, lower.tail = FALSE))
write.csv(data.frame(index_day = index, left_day = ifelse(status == 1, left, NA), index_outcome = group),
          row.names = FALSE, quote = FALSE)
